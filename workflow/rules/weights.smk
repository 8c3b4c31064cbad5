# Weights: converted from a checkpoint, or quantized from another file by llama.cpp.


rule convert:
    input:
        lambda wildcards: plan.checkpoint(*wildcards.converted.split("/")),
    output:
        weights="<results>/weights/{converted}.gguf",
        provenance="<results>/weights/{converted}.gguf.provenance.json",
    log:
        "<logs>/convert/{converted}.log",
    benchmark:
        "<benchmarks>/convert/{converted}.tsv"
    wildcard_constraints:
        converted=one_of(plan.converted()),
    conda:
        "../envs/convert.yaml"
    threads: 1
    resources:
        # About three times the largest tensor, which is the embedding.
        mem_mb=12000,
        runtime="4h",
    params:
        folder=lambda wildcards, input: Path(input[0]).parent,
        type=lambda wildcards: plan.variant(*wildcards.converted.split("/")).type,
        # Without a name the header takes the folder's, and the file's hash would depend on it.
        name=lambda wildcards: run.model(wildcards.converted.split("/")[0]).title,
    message:
        "Converting the checkpoint of {wildcards.converted} to {params.type}"
    shell:
        "keep_log {log:q}; medeval convert {params.folder:q} --type {params.type:q} --name={params.name:q}"
        " --out {output.weights:q} > {log:q} 2>&1"


rule imatrix:
    input:
        weights=lambda wildcards: plan.weights_files(
            wildcards.model,
            run.model(wildcards.model).imatrices[wildcards.imatrix].variant,
        ),
        text=lambda wildcards: plan.calibration_text(wildcards.model, wildcards.imatrix),
    output:
        matrix="<results>/imatrices/{model}/{imatrix}.gguf",
        provenance="<results>/imatrices/{model}/{imatrix}.gguf.provenance.json",
    log:
        "<logs>/imatrix/{model}/{imatrix}.log",
    benchmark:
        "<benchmarks>/imatrix/{model}/{imatrix}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: run.engine.threads
    resources:
        mem_mb=lambda wildcards, input: 3000 + int(2 * input.size_mb),
        runtime="24h",
    params:
        chunk_tokens=lambda wildcards: run.model(wildcards.model)
        .imatrices[wildcards.imatrix]
        .chunk_tokens,
    message:
        "Measuring which weights of {wildcards.model} matter on a text"
    shell:
        "keep_log {log:q}; medeval imatrix {input.weights[0]:q} --text {input.text:q} --chunk-tokens {params.chunk_tokens}"
        " --threads {threads} --out {output.matrix:q} > {log:q} 2>&1"


rule quantize:
    input:
        weights=lambda wildcards: plan.weights_files(
            wildcards.model,
            plan.variant(wildcards.model, wildcards.variant).quantize_from,
        ),
        imatrix=lambda wildcards: plan.imatrix(wildcards.model, wildcards.variant),
    output:
        weights="<results>/weights/{model}/{variant}.gguf",
        provenance="<results>/weights/{model}/{variant}.gguf.provenance.json",
    log:
        "<logs>/quantize/{model}/{variant}.log",
    benchmark:
        "<benchmarks>/quantize/{model}/{variant}.tsv"
    wildcard_constraints:
        variant=one_of({path.split("/")[1] for path in plan.quantized()}),
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
        imatrix=lambda wildcards, input: [f"--imatrix={path}" for path in input.imatrix],
    message:
        "Quantizing {wildcards.model} to {params.type}"
    shell:
        "keep_log {log:q}; medeval quantize {input.weights[0]:q} --type {params.type:q} {params.requantize:q} {params.imatrix:q}"
        " --threads {threads} --out {output.weights:q} > {log:q} 2>&1"


rule inspect_weights:
    input:
        weights=lambda wildcards: plan.weights_files(wildcards.model, wildcards.variant),
    output:
        "<results>/weights/{model}/{variant}.gguf.json",
    log:
        "<logs>/inspect_weights/{model}/{variant}.log",
    benchmark:
        "<benchmarks>/inspect_weights/{model}/{variant}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        schema=schema("weights"),
    message:
        "Describing {wildcards.model} {wildcards.variant}"
    shell:
        "keep_log {log:q}; medeval inspect {input.weights[0]:q} --out {output:q} > {log:q} 2>&1"
