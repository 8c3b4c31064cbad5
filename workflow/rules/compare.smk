# Comparison and verdicts: statistics over the stored scores, then the decision on each claim.


rule desk_audit:
    input:
        [str(path) for path in run.desk_audits],
    output:
        [str(RESULTS / "desk_audits" / f"{path.stem}.json") for path in run.desk_audits],
    log:
        str(RESULTS / "logs/desk_audit.log"),
    benchmark:
        str(RESULTS / "benchmarks/desk_audit.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        folder=str(RESULTS / "desk_audits"),
    message:
        "Auditing the publications' own numbers"
    shell:
        "(for file in {input}; do"
        " medeval desk-audit $file --json > {params.folder}/$(basename $file .yaml).json || exit 1;"
        " done) 2> {log}"


rule compare:
    input:
        scores=score_files(),
        grades=grade_files(),
        questions=[str(RESULTS / "items" / f"{benchmark}.parquet") for benchmark in run.choice_benchmarks],
    output:
        str(RESULTS / "comparisons.json"),
    log:
        str(RESULTS / "logs/compare.log"),
    benchmark:
        str(RESULTS / "benchmarks/compare.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        references=[f"--reference={model.id}/{model.reference}" for model in run.models],
        headline=run.protocol.headline,
        margin=run.margin_points,
        seed=run.seed,
    message:
        "Comparing variants and models item by item"
    shell:
        "medeval compare {params.references} --headline {params.headline} --margin {params.margin}"
        " --seed {params.seed} --out {output} {input.scores} {input.grades} {input.questions} > {log} 2>&1"


rule verdict:
    input:
        claims=str(run.claims),
        comparisons=str(RESULTS / "comparisons.json"),
        weights=weights_files(),
    output:
        str(RESULTS / "verdicts.json"),
    log:
        str(RESULTS / "logs/verdict.log"),
    benchmark:
        str(RESULTS / "benchmarks/verdict.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        subjects=[f"--subject={name}={path}" for name, path in run.published_subjects().items()],
    message:
        "Deciding the claims"
    shell:
        "medeval verdict --claims {input.claims} --comparisons {input.comparisons} {params.subjects:q}"
        " --out {output} {input.weights} > {log} 2>&1"
