# Weights: fetched from a pinned source, converted from a checkpoint, or quantized from another file by llama.cpp.


# On clusters whose nodes have no network, files are fetched where Snakemake runs.
localrules:
    fetch_weights,
    fetch_checkpoint,
    fetch_calibration_text,


rule fetch_weights:
    input:
        lambda wildcards: plan.local_source(
            plan.variant(*wildcards.fetched.split("/")).source
        ),
    output:
        weights="<results>/weights/{fetched}.gguf",
        origin="<results>/weights/{fetched}.gguf.source.json",
    log:
        "<logs>/fetch_weights/{fetched}.log",
    benchmark:
        "<benchmarks>/fetch_weights/{fetched}.tsv"
    wildcard_constraints:
        fetched=one_of(plan.fetched()),
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="4h",
    params:
        source=lambda wildcards: plan.as_text(
            plan.variant(*wildcards.fetched.split("/")).source
        ),
        # `threads` makes this a derived parameter: another mirror or folder is no reason to fetch again.
        options=lambda wildcards, threads: plan.fetch_options(),
    message:
        "Fetching the weights {wildcards.fetched}"
    shell:
        "keep_log {log:q}; medeval fetch --source {params.source:q} {params.options:q}"
        " --out {output.weights:q} > {log:q} 2>&1"


rule fetch_checkpoint:
    input:
        lambda wildcards: plan.local_source(plan.checkpoint_source(**wildcards)),
    output:
        file="<results>/checkpoints/{model}/{variant}/{file}",
        origin="<results>/checkpoints/{model}/{variant}/{file}.source.json",
    log:
        "<logs>/fetch_checkpoint/{model}/{variant}/{file}.log",
    benchmark:
        "<benchmarks>/fetch_checkpoint/{model}/{variant}/{file}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="4h",
    params:
        source=lambda wildcards: plan.as_text(plan.checkpoint_source(**wildcards)),
        options=lambda wildcards, threads: plan.fetch_options(),
    message:
        "Fetching {wildcards.file} of {wildcards.model}"
    shell:
        "keep_log {log:q}; medeval fetch --source {params.source:q} {params.options:q}"
        " --out {output.file:q} > {log:q} 2>&1"


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


rule fetch_calibration_text:
    input:
        lambda wildcards: plan.local_source(
            run.model(wildcards.model).imatrices[wildcards.imatrix].text
        ),
    output:
        text="<results>/imatrices/{model}/{imatrix}/{file}",
        origin="<results>/imatrices/{model}/{imatrix}/{file}.source.json",
    log:
        "<logs>/fetch_calibration_text/{model}/{imatrix}/{file}.log",
    benchmark:
        "<benchmarks>/fetch_calibration_text/{model}/{imatrix}/{file}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="1h",
    params:
        source=lambda wildcards: plan.as_text(
            run.model(wildcards.model).imatrices[wildcards.imatrix].text
        ),
        options=lambda wildcards, threads: plan.fetch_options(),
    message:
        "Fetching the calibration text of {wildcards.model} {wildcards.imatrix}"
    shell:
        "keep_log {log:q}; medeval fetch --source {params.source:q} {params.options:q}"
        " --out {output.text:q} > {log:q} 2>&1"


rule imatrix:
    input:
        weights=lambda wildcards: plan.weights(
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
        "keep_log {log:q}; medeval imatrix {input.weights:q} --text {input.text:q} --chunk-tokens {params.chunk_tokens}"
        " --threads {threads} --out {output.matrix:q} > {log:q} 2>&1"


rule quantize:
    input:
        weights=lambda wildcards: plan.weights(
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
        imatrix=lambda wildcards, input: [f"--imatrix={path}" for path in input.imatrix],
    message:
        "Quantizing {wildcards.model} to {params.type}"
    shell:
        "keep_log {log:q}; medeval quantize {input.weights:q} --type {params.type:q} {params.requantize:q} {params.imatrix:q}"
        " --threads {threads} --out {output.weights:q} > {log:q} 2>&1"


rule inspect_weights:
    input:
        "<results>/weights/{model}/{variant}.gguf",
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
    message:
        "Describing {wildcards.model} {wildcards.variant}"
    shell:
        "keep_log {log:q}; medeval inspect {input:q} --out {output:q} > {log:q} 2>&1"
