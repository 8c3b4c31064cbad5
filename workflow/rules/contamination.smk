# Contamination: every detector that the run has the files for looks for traces of the test items.


rule detect:
    input:
        lambda wildcards: [
            path for paths in given(wildcards).values() for path in paths
        ],
    output:
        "<results>/contamination/{detector}/{benchmark}.json",
    log:
        "<logs>/detect/{detector}/{benchmark}.log",
    benchmark:
        "<benchmarks>/detect/{detector}/{benchmark}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="4h",
    params:
        schema=lambda wildcards: schema(wildcards.detector),
        given=lambda wildcards: [
            f"--{need}={path}"
            for need, paths in given(wildcards).items()
            for path in paths
        ],
    message:
        "Looking for items of {wildcards.benchmark}: {wildcards.detector}"
    shell:
        "keep_log {log:q}; medeval contamination {wildcards.detector} {params.given:q} --out {output:q} > {log:q} 2>&1"
