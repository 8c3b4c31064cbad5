# Weights: fetched from a pinned source, or quantized from another file by llama.cpp.


rule fetch_weights:
    input:
        lambda wildcards: plan.local_source(
            plan.variant(*wildcards.fetched.split("/")).source
        ),
    output:
        weights=str(RESULTS / "weights/{fetched}.gguf"),
        origin=str(RESULTS / "weights/{fetched}.gguf.source.json"),
    log:
        str(RESULTS / "logs/fetch_weights/{fetched}.log"),
    benchmark:
        str(RESULTS / "benchmarks/fetch_weights/{fetched}.tsv")
    wildcard_constraints:
        fetched=one_of(plan.fetched()),
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="4h",
    params:
        source=lambda wildcards: plan.variant(
            *wildcards.fetched.split("/")
        ).source.model_dump_json(),
        # `threads` makes this a derived parameter: another mirror is no reason to fetch again.
        options=lambda wildcards, threads: run.fetch_options,
    message:
        "Fetching the weights {wildcards.fetched}"
    shell:
        "medeval fetch --source {params.source:q} {params.options:q}"
        " --out {output.weights:q} > {log:q} 2>&1"


rule quantize:
    input:
        lambda wildcards: plan.weights(
            wildcards.model,
            plan.variant(wildcards.model, wildcards.variant).quantize_from,
        ),
    output:
        weights=str(RESULTS / "weights/{model}/{variant}.gguf"),
        provenance=str(RESULTS / "weights/{model}/{variant}.gguf.provenance.json"),
    log:
        str(RESULTS / "logs/quantize/{model}/{variant}.log"),
    benchmark:
        str(RESULTS / "benchmarks/quantize/{model}/{variant}.tsv")
    wildcard_constraints:
        variant="|".join(sorted({variant for _, variant in plan.quantized()})) or "none",
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime="4h",
    params:
        type=lambda wildcards: plan.variant(wildcards.model, wildcards.variant).type,
        requantize=lambda wildcards: (
            ["--allow-requantize"]
            if plan.variant(wildcards.model, wildcards.variant).allow_requantize
            else []
        ),
    message:
        "Quantizing {wildcards.model} to {params.type}"
    shell:
        "medeval quantize {input:q} --type {params.type:q} {params.requantize:q}"
        " --threads {threads} --out {output.weights:q} > {log:q} 2>&1"


rule inspect_weights:
    input:
        str(RESULTS / "weights/{model}/{variant}.gguf"),
    output:
        str(RESULTS / "weights/{model}/{variant}.gguf.json"),
    log:
        str(RESULTS / "logs/inspect_weights/{model}/{variant}.log"),
    benchmark:
        str(RESULTS / "benchmarks/inspect_weights/{model}/{variant}.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    message:
        "Describing {wildcards.model} {wildcards.variant}"
    shell:
        "medeval inspect {input:q} --out {output:q} > {log:q} 2>&1"
