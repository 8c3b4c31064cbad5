# Comparison and verdicts: statistics over the stored scores, then the decision on each claim.


rule desk_audit:
    input:
        lambda wildcards: plan.publication(wildcards.publication),
    output:
        str(RESULTS / "desk_audits/{publication}.json"),
    log:
        str(RESULTS / "logs/desk_audit/{publication}.log"),
    benchmark:
        str(RESULTS / "benchmarks/desk_audit/{publication}.tsv")
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    message:
        "Auditing the numbers that {wildcards.publication} printed"
    shell:
        "medeval desk-audit {input} --json > {output} 2> {log}"


rule compare:
    input:
        scores=plan.scores(),
        grades=plan.grades(),
        questions=plan.items(),
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
        weights=plan.weights_descriptions(),
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
        subjects=[
            f"--subject={name}={path}"
            for name, path in run.published_subjects().items()
        ],
        credible=(
            "--credible-judge" if run.judge is not None and run.judge.credible else ""
        ),
    message:
        "Deciding the claims"
    shell:
        "medeval verdict --claims {input.claims} --comparisons {input.comparisons} {params.subjects:q} {params.credible}"
        " --out {output} {input.weights} > {log} 2>&1"
