# Items: source rows, fetched by pinned revision, become validated tables.


# On clusters whose nodes have no network, files are fetched where Snakemake runs.
localrules:
    fetch_rows,


rule fetch_rows:
    input:
        lambda wildcards: plan.local_source(
            plan.source(wildcards.owner, wildcards.index)
        ),
    output:
        rows="<results>/sources/{owner}/{index}/{file}",
        origin="<results>/sources/{owner}/{index}/{file}.source.json",
    log:
        "<logs>/fetch_rows/{owner}/{index}/{file}.log",
    benchmark:
        "<benchmarks>/fetch_rows/{owner}/{index}/{file}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="4h",
    params:
        source=lambda wildcards: plan.as_text(
            plan.source(wildcards.owner, wildcards.index)
        ),
        # `threads` makes this a derived parameter: another mirror or folder is no reason to fetch again.
        options=lambda wildcards, threads: plan.fetch_options(),
    message:
        "Fetching {wildcards.file} for {wildcards.owner}"
    shell:
        "keep_log {log:q}; medeval fetch --source {params.source:q} {params.options:q}"
        " --out {output.rows:q} > {log:q} 2>&1"


rule items:
    input:
        lambda wildcards: plan.sources(wildcards.benchmark),
    output:
        "<results>/items/{benchmark}.parquet",
    log:
        "<logs>/items/{benchmark}.log",
    benchmark:
        "<benchmarks>/items/{benchmark}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        sources=lambda wildcards, input: [f"--source={path}" for path in input],
        expected=lambda wildcards: [
            f"--expected={count}"
            for count in [run.benchmark(wildcards.benchmark).expected_items]
            if count
        ],
    message:
        "Reading the rows of {wildcards.benchmark} as items"
    shell:
        "keep_log {log:q}; medeval items --benchmark {wildcards.benchmark} {params.sources:q} {params.expected:q}"
        " --out {output:q} > {log:q} 2>&1"
