# Files from elsewhere, each from a pinned source: rows of benchmarks, texts, weights, checkpoints.


# On clusters whose nodes have no network, files are fetched where Snakemake runs.
localrules:
    fetch,


rule fetch:
    input:
        lambda wildcards: plan.local_source(wildcards.fetched),
    output:
        file="<results>/{fetched}",
        origin="<results>/{fetched}.source.json",
    log:
        "<logs>/fetch/{fetched}.log",
    benchmark:
        "<benchmarks>/fetch/{fetched}.tsv"
    wildcard_constraints:
        fetched=one_of(plan.fetched),
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="4h",
    params:
        source=lambda wildcards: plan.source(wildcards.fetched),
        # `threads` makes this a derived parameter: another mirror or folder is no reason to fetch again.
        options=lambda wildcards, threads: plan.fetch_options(),
    message:
        "Fetching {wildcards.fetched}"
    shell:
        "keep_log {log:q}; medeval fetch --source {params.source:q} {params.options:q} --out {output.file:q}"
        " > {log:q} 2>&1"
