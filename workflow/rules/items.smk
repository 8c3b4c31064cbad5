# Items: source rows become validated tables.


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
