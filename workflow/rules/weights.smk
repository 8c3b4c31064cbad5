# Weights: fetched from a pinned source, or quantized from another file by llama.cpp.


def weights_variant(wildcards):
    return run.model(wildcards.model).variants[wildcards.variant]


FETCHED = [(model.id, name) for model in run.models for name, variant in model.variants.items() if variant.source]
QUANTIZED = [(model.id, name) for model in run.models for name, variant in model.variants.items() if not variant.source]


def one_of(pairs):
    """Return a regular expression that matches MODEL/VARIANT for these pairs only."""
    return "|".join(f"{model}/{variant}" for model, variant in pairs) or "none"


rule fetch_weights:
    output:
        weights=str(RESULTS / "weights/{fetched}.gguf"),
        origin=str(RESULTS / "weights/{fetched}.gguf.source.json"),
    wildcard_constraints:
        fetched=one_of(FETCHED),
    log:
        str(RESULTS / "logs/fetch_weights/{fetched}.log"),
    benchmark:
        str(RESULTS / "benchmarks/fetch_weights/{fetched}.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="4h",
        network=1,
    params:
        source=lambda wildcards: run.model(wildcards.fetched.split("/")[0])
        .variants[wildcards.fetched.split("/")[1]]
        .source.model_dump_json(),
    message:
        "Fetching the weights {wildcards.fetched}"
    shell:
        "medeval fetch --source {params.source:q} --out {output.weights} > {log} 2>&1"


rule quantize:
    input:
        lambda wildcards: str(
            RESULTS
            / "weights"
            / wildcards.model
            / f"{run.model(wildcards.model).variants[wildcards.variant].quantize_from}.gguf"
        ),
    output:
        weights=str(RESULTS / "weights/{model}/{variant}.gguf"),
        provenance=str(RESULTS / "weights/{model}/{variant}.gguf.provenance.json"),
    wildcard_constraints:
        variant="|".join(sorted({variant for _, variant in QUANTIZED})) or "none",
    log:
        str(RESULTS / "logs/quantize/{model}/{variant}.log"),
    benchmark:
        str(RESULTS / "benchmarks/quantize/{model}/{variant}.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime="4h",
    params:
        type=lambda wildcards: weights_variant(wildcards).type,
        requantize=lambda wildcards: "--allow-requantize" if weights_variant(wildcards).allow_requantize else "",
    message:
        "Quantizing {wildcards.model} to {params.type}"
    shell:
        "medeval quantize {input} --type {params.type} {params.requantize}"
        " --threads {threads} --out {output.weights} > {log} 2>&1"


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
        "medeval inspect {input} --out {output} > {log} 2>&1"
