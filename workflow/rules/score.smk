# Scores: answers are read from the stored responses, so a better reader costs no new tokens.


rule score:
    input:
        questions="<results>/items/{benchmark}.parquet",
        responses="<results>/responses/{model}/{variant}/{target}/{benchmark}.parquet",
    output:
        "<results>/scores/{model}/{variant}/{target}/{benchmark}.parquet",
    log:
        "<logs>/score/{model}/{variant}/{target}/{benchmark}.log",
    benchmark:
        "<benchmarks>/score/{model}/{variant}/{target}/{benchmark}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="1h",
    message:
        "Reading the answers of {wildcards.model} {wildcards.variant} to {wildcards.benchmark}"
    shell:
        "keep_log {log:q}; medeval score --items {input.questions:q} --responses {input.responses:q} --out {output:q}"
        " --processes {threads} > {log:q} 2>&1"
