# Contamination: do the test items stand in a given text?


rule overlap:
    input:
        questions="<results>/items/{benchmark}.parquet",
        corpora=lambda wildcards: plan.corpora(),
    output:
        "<results>/contamination/{benchmark}.json",
    log:
        "<logs>/overlap/{benchmark}.log",
    benchmark:
        "<benchmarks>/overlap/{benchmark}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="4h",
    params:
        corpora=lambda wildcards, input: [f"--corpus={path}" for path in input.corpora],
    message:
        "Searching for items of {wildcards.benchmark} in the given texts"
    shell:
        "keep_log {log:q}; medeval overlap --items {input.questions:q} {params.corpora:q} --out {output:q} > {log:q} 2>&1"
