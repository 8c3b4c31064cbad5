# Evaluation: a model answers every item of a benchmark. An interrupted job continues from its journal.


rule evaluate:
    input:
        questions=str(RESULTS / "items/{benchmark}.parquet"),
        weights=str(RESULTS / "weights/{model}/{variant}.gguf"),
    output:
        responses=str(
            RESULTS / "responses/{model}/{variant}/{target}/{benchmark}.parquet"
        ),
        lm_eval=str(
            RESULTS
            / "responses/{model}/{variant}/{target}/{benchmark}.parquet.lm_eval.json"
        ),
    log:
        str(RESULTS / "logs/evaluate/{model}/{variant}/{target}/{benchmark}.log"),
    benchmark:
        str(RESULTS / "benchmarks/evaluate/{model}/{variant}/{target}/{benchmark}.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: run.engine.threads
    resources:
        # The weights are mapped into memory; the rest is the context and Python.
        mem_mb=lambda wildcards, input: 3000 + int(2 * input.size_mb),
        runtime="24h",
    params:
        protocol=run.protocol.model_dump_json(),
        reasoning=lambda wildcards: json.dumps(
            run.model(wildcards.model).model_dump()["reasoning"]
        ),
        template_options=lambda wildcards: json.dumps(
            run.model(wildcards.model).template_options
        ),
        seed=run.seed,
        sequences=run.engine.sequences,
    message:
        "{wildcards.model} {wildcards.variant} answers {wildcards.benchmark} on {wildcards.target}"
    shell:
        "medeval evaluate --items {input.questions:q} --weights {input.weights:q} --out {output.responses:q}"
        " --model {wildcards.model} --variant {wildcards.variant} --target {wildcards.target}"
        " --protocol {params.protocol:q} --reasoning {params.reasoning:q}"
        " --template-options {params.template_options:q} --seed {params.seed:q}"
        " --threads {threads} --sequences {params.sequences:q} > {log:q} 2>&1"
