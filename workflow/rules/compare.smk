# Comparison and verdicts: statistics over the stored scores, then the decision on each claim.


rule desk_audit:
    input:
        lambda wildcards: plan.publication(wildcards.publication),
    output:
        "<results>/desk_audits/{publication}.json",
    log:
        "<logs>/desk_audit/{publication}.log",
    benchmark:
        "<benchmarks>/desk_audit/{publication}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        schema=schema("desk_audit"),
    message:
        "Auditing the numbers that {wildcards.publication} printed"
    shell:
        "keep_log {log:q}; medeval desk-audit {input:q} --json > {output:q} 2> {log:q}"


rule compare:
    input:
        scores=lambda wildcards: plan.scores(),
        grades=lambda wildcards: plan.grades(),
        questions=lambda wildcards: plan.items(),
        conversations=lambda wildcards: plan.conversations(),
    output:
        "<results>/comparisons.json",
    log:
        "<logs>/compare.log",
    benchmark:
        "<benchmarks>/compare.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        schema=schema("comparisons"),
        references=lambda wildcards: [
            f"--reference={model.id}/{model.reference}" for model in run.models
        ],
        headline=lambda wildcards: run.protocol.headline,
        margin=lambda wildcards: run.margin_points,
        seed=lambda wildcards: run.seed,
    message:
        "Comparing variants and models item by item"
    shell:
        "keep_log {log:q}; medeval compare {params.references:q} --headline {params.headline:q} --margin {params.margin:q}"
        " --seed {params.seed:q} --out {output:q} {input.scores:q} {input.grades:q} {input.questions:q} {input.conversations:q} > {log:q} 2>&1"


rule verdict:
    input:
        claims=lambda wildcards: str(run.claims),
        comparisons="<results>/comparisons.json",
        weights=lambda wildcards: plan.weights_descriptions(),
    output:
        "<results>/verdicts.json",
    log:
        "<logs>/verdict.log",
    benchmark:
        "<benchmarks>/verdict.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        schema=schema("verdicts"),
        subjects=lambda wildcards: [
            f"--subject={name}={path}"
            for name, path in run.published_subjects().items()
        ],
        credible=lambda wildcards: (
            ["--credible-judge"]
            if run.judge is not None and run.judge.credible
            else []
        ),
    message:
        "Deciding the claims"
    shell:
        "keep_log {log:q}; medeval verdict --claims {input.claims:q} --comparisons {input.comparisons:q} {params.subjects:q} {params.credible:q}"
        " --out {output:q} {input.weights:q} > {log:q} 2>&1"
