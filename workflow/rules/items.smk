# Items: source rows, fetched by pinned revision, become validated tables.


def row_source(wildcards):
    return run.benchmark(wildcards.benchmark).sources[int(wildcards.index)]


def source_name(source):
    """Return the file name of a source, which some loaders read meaning from."""
    return Path(getattr(source, "file", None) or source.path).name


def source_files(wildcards):
    return [
        str(RESULTS / "sources" / wildcards.benchmark / str(index) / source_name(source))
        for index, source in enumerate(run.benchmark(wildcards.benchmark).sources)
    ]


rule fetch_rows:
    output:
        rows=str(RESULTS / "sources/{benchmark}/{index}/{file}"),
        origin=str(RESULTS / "sources/{benchmark}/{index}/{file}.source.json"),
    wildcard_constraints:
        index=r"\d+",
        file=r"[^/]+(?<!\.source\.json)",
    log:
        str(RESULTS / "logs/fetch_rows/{benchmark}/{index}/{file}.log"),
    benchmark:
        str(RESULTS / "benchmarks/fetch_rows/{benchmark}/{index}/{file}.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="1h",
        network=1,
    params:
        source=lambda wildcards: row_source(wildcards).model_dump_json(),
    message:
        "Fetching rows of {wildcards.benchmark}"
    shell:
        "medeval fetch --source {params.source:q} --out {output.rows} > {log} 2>&1"


rule items:
    input:
        source_files,
    output:
        str(RESULTS / "items/{benchmark}.parquet"),
    log:
        str(RESULTS / "logs/items/{benchmark}.log"),
    benchmark:
        str(RESULTS / "benchmarks/items/{benchmark}.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        sources=lambda wildcards, input: [f"--source={path}" for path in input],
        expected=lambda wildcards: (
            f"--expected={run.benchmark(wildcards.benchmark).expected_items}"
            if run.benchmark(wildcards.benchmark).expected_items
            else ""
        ),
    message:
        "Reading the rows of {wildcards.benchmark} as items"
    shell:
        "medeval items --benchmark {wildcards.benchmark} {params.sources:q} {params.expected}"
        " --out {output} > {log} 2>&1"
