# Grading: a judge decides every HealthBench criterion. An interrupted job asks nothing twice.


rule grade:
    input:
        conversations="<results>/items/healthbench.parquet",
        responses="<results>/responses/{model}/{variant}/{target}/healthbench.parquet",
        judge=lambda wildcards: plan.judge_weights(),
    output:
        "<results>/grades/{model}/{variant}/{target}.parquet",
    log:
        "<logs>/grade/{model}/{variant}/{target}.log",
    benchmark:
        "<benchmarks>/grade/{model}/{variant}/{target}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: run.engine.threads
    resources:
        mem_mb=lambda wildcards, input: 3000 + int(2 * input.size_mb),
        runtime="24h",
    params:
        # What grades depend on: only a change of this grades again.
        identity=lambda wildcards: run.judge.identity(),
        # `threads` makes this a derived parameter: another price or pace is no reason to grade again.
        judge=lambda wildcards, threads: run.judge.model_dump_json(),
        # A judge in several files is given by the first.
        weights=lambda wildcards, input: [
            f"--judge-weights={path}" for path in input.judge[:1]
        ],
    message:
        "Judging the conversations of {wildcards.model} {wildcards.variant} on {wildcards.target}"
    shell:
        "keep_log {log:q}; medeval grade --conversations {input.conversations:q} --responses {input.responses:q}"
        " --judge {params.judge:q} {params.weights:q} --threads {threads} --out {output:q} > {log:q} 2>&1"
