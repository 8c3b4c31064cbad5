# Contamination: do the test items stand in a given text?


def corpus_file(source, index):
    return str(RESULTS / "sources/corpora" / str(index) / source_name(source))


rule fetch_corpus:
    output:
        text=str(RESULTS / "sources/corpora/{index}/{file}"),
        origin=str(RESULTS / "sources/corpora/{index}/{file}.source.json"),
    wildcard_constraints:
        index=r"\d+",
        file=r"[^/]+(?<!\.source\.json)",
    log:
        str(RESULTS / "logs/fetch_corpus/{index}/{file}.log"),
    benchmark:
        str(RESULTS / "benchmarks/fetch_corpus/{index}/{file}.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="4h",
        network=1,
    params:
        source=lambda wildcards: run.contamination.corpora[int(wildcards.index)].model_dump_json(),
    message:
        "Fetching a text to search for test items"
    shell:
        "medeval fetch --source {params.source:q} --out {output.text} > {log} 2>&1"


rule overlap:
    input:
        questions=str(RESULTS / "items/{benchmark}.parquet"),
        corpora=[corpus_file(source, index) for index, source in enumerate(run.contamination.corpora)],
    output:
        str(RESULTS / "contamination/{benchmark}.json"),
    log:
        str(RESULTS / "logs/overlap/{benchmark}.log"),
    benchmark:
        str(RESULTS / "benchmarks/overlap/{benchmark}.tsv")
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
        "medeval overlap --items {input.questions} {params.corpora:q} --out {output} > {log} 2>&1"


ruleorder: fetch_corpus > fetch_rows
