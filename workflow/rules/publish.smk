# Publication of the results: one HTML page, and MLflow. Nothing here is needed to compute a verdict.


rule report:
    input:
        comparisons="<results>/comparisons.json",
        verdicts="<results>/verdicts.json",
        weights=lambda wildcards: plan.weights_descriptions(),
        findings=findings,
        audits=lambda wildcards: plan.desk_audits(),
    output:
        report(
            "<results>/report.html",
            caption="../report/report.rst",
            category="Report",
        ),
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        config=lambda wildcards: run.model_dump_json(),
    message:
        "Writing the report"
    shell:
        "keep_log {log:q}; medeval report --config {params.config:q} --comparisons {input.comparisons:q} --verdicts {input.verdicts:q}"
        " --out {output:q} {input.weights:q} {input.findings:q} {input.audits:q} > {log:q} 2>&1"


rule track:
    input:
        comparisons="<results>/comparisons.json",
        verdicts="<results>/verdicts.json",
        report="<results>/report.html",
        scores=lambda wildcards: plan.scores(),
        grades=lambda wildcards: plan.grades(),
    output:
        "<results>/mlflow.json",
    log:
        "<logs>/track.log",
    benchmark:
        "<benchmarks>/track.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="1h",
    params:
        experiment=lambda wildcards: run.name,
        store=lambda wildcards: plan.results / "mlflow.db",
        artifacts=lambda wildcards: plan.results / "mlflow-artifacts",
        config=lambda wildcards: run.model_dump_json(),
    message:
        "Logging the comparisons to MLflow"
    shell:
        "keep_log {log:q}; medeval track --experiment {params.experiment:q} --store {params.store:q} --artifacts {params.artifacts:q}"
        " --config {params.config:q} --comparisons {input.comparisons:q} --verdicts {input.verdicts:q}"
        " --report {input.report:q} --out {output:q} {input.scores:q} {input.grades:q} > {log:q} 2>&1"
