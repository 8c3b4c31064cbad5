# Evaluation: a model answers every item of a benchmark. An interrupted job continues from its journal.
# A look at the device comes first where there is something to find out: does it compute what the processor
# computes, and how many replies go best together. Shards of a benchmark are jobs of their own.

RESPONSES = "<results>/responses/{model}/{variant}/{target}/{benchmark}.parquet"
SHARD = (
    "<results>/responses/{model}/{variant}/{target}/{benchmark}.shards/{shard}.parquet"
)
RECORDS = [".lm_eval.json", ".timings.parquet"]


rule probe:
    input:
        weights=lambda wildcards: plan.weights_files(wildcards.model, wildcards.variant),
    output:
        "<results>/probes/{model}/{variant}/{target}.json",
    log:
        "<logs>/probe/{model}/{variant}/{target}.log",
    benchmark:
        "<benchmarks>/probe/{model}/{variant}/{target}.tsv"
    conda:
        lambda wildcards: f"../envs/{wildcards.target}.yaml"
    threads: run.engine.threads
    resources:
        mem_mb=lambda wildcards, input: 2000 + 2 * int(input.size_mb),
        gpu=lambda wildcards: plan.gpus(wildcards.target),
        runtime="1h",
    params:
        # `threads` makes this a derived parameter: a project that moved is no reason to ask again.
        program=lambda wildcards, threads: plan.program(wildcards.target),
        sequences=lambda wildcards: run.engine.sequences,
        library=lambda wildcards: (
            f"--llama-cpp={run.engine.llama_cpp}" if run.engine.llama_cpp else []
        ),
    message:
        "Looking at {wildcards.target} with {wildcards.model} {wildcards.variant}"
    shell:
        "keep_log {log:q}; {params.program:q} probe --weights {input.weights[0]:q} --target {wildcards.target} --threads {threads}"
        " --sequences {params.sequences:q} {params.library:q} --out {output:q} > {log:q} 2>&1"


rule evaluate:
    input:
        questions="<results>/items/{benchmark}.parquet",
        weights=lambda wildcards: plan.evaluated_files(
            wildcards.model, wildcards.variant, wildcards.target
        ),
        probe=lambda wildcards: plan.probe(
            wildcards.model, wildcards.variant, wildcards.target
        ),
    output:
        responses=RESPONSES,
        records=[RESPONSES + name for name in RECORDS],
    log:
        "<logs>/evaluate/{model}/{variant}/{target}/{benchmark}.log",
    benchmark:
        "<benchmarks>/evaluate/{model}/{variant}/{target}/{benchmark}.tsv"
    conda:
        lambda wildcards: f"../envs/{plan.environment(wildcards.target)}.yaml"
    threads: run.engine.threads
    resources:
        # Weights may be held twice, mapped and repacked for the processor; then keys and values, and Python.
        mem_mb=lambda wildcards, input: 2000
        + run.engine.kv_limit_mib
        + 2 * int(input.size_mb),
        gpu=lambda wildcards: plan.gpus(wildcards.target),
        runtime="24h",
    params:
        # `threads` makes this a derived parameter: a project that moved is no reason to ask again.
        program=lambda wildcards, threads: plan.program(wildcards.target),
        subject=lambda wildcards: plan.source_option(
            wildcards.model, wildcards.variant, wildcards.target
        ),
        probe=lambda wildcards, input: [f"--probe={path}" for path in input.probe],
        shard=[],
        protocol=lambda wildcards: run.protocol.model_dump_json(),
        reasoning=lambda wildcards: json.dumps(
            run.model(wildcards.model).model_dump()["reasoning"]
        ),
        template_options=lambda wildcards: json.dumps(
            run.model(wildcards.model).template_options
        ),
        seed=lambda wildcards: run.seed,
        sequences=lambda wildcards: run.engine.sequences,
        engine=lambda wildcards: run.engine.model_dump_json(
            exclude={"threads", "sequences", "shards"}
        ),
        vllm=lambda wildcards: run.vllm.model_dump_json(),
        # Replies of other runs that lie beside this one; derived as well.
        replies=lambda wildcards, threads: plan.results.parent,
    message:
        "{wildcards.model} {wildcards.variant} answers {wildcards.benchmark} on {wildcards.target}"
    shell:
        "keep_log {log:q}; {params.program:q} evaluate --items {input.questions:q} {params.subject:q} {params.probe:q} {params.shard:q}"
        " --model {wildcards.model} --variant {wildcards.variant} --target {wildcards.target}"
        " --protocol {params.protocol:q} --reasoning {params.reasoning:q}"
        " --template-options {params.template_options:q} --seed {params.seed:q}"
        " --engine {params.engine:q} --threads {threads} --sequences {params.sequences:q} --vllm {params.vllm:q} --replies {params.replies:q}"
        " --out {output.responses:q} > {log:q} 2>&1"


if run.engine.shards > 1:

    ruleorder: merge > evaluate

    use rule evaluate as evaluate_shard with:
        output:
            responses=SHARD,
            records=[SHARD + name for name in RECORDS],
        log:
            "<logs>/evaluate/{model}/{variant}/{target}/{benchmark}.{shard}.log",
        benchmark:
            "<benchmarks>/evaluate/{model}/{variant}/{target}/{benchmark}.{shard}.tsv"
        params:
            shard=lambda wildcards: f"--shard={wildcards.shard}",
        message:
            "{wildcards.model} {wildcards.variant} answers shard {wildcards.shard} of {wildcards.benchmark}"
            " on {wildcards.target}"

    rule merge:
        input:
            lambda wildcards: plan.shards(**wildcards),
        output:
            responses=RESPONSES,
            records=[RESPONSES + name for name in RECORDS],
        log:
            "<logs>/merge/{model}/{variant}/{target}/{benchmark}.log",
        benchmark:
            "<benchmarks>/merge/{model}/{variant}/{target}/{benchmark}.tsv"
        conda:
            "../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime="1h",
        message:
            "Putting the shards of {wildcards.benchmark} together: {wildcards.model} {wildcards.variant}"
            " on {wildcards.target}"
        shell:
            "keep_log {log:q}; medeval merge --out {output.responses:q} {input:q} > {log:q} 2>&1"
