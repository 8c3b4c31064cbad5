# Risk-limiting audit: `snakemake audit` decides claims on few items, in an order that is fixed beforehand. One job asks,
# judges and asks again until every claim is decided or the budget ends. What was asked is kept in audit/batches, so a
# job that is killed continues, and nothing is asked twice.


rule audit_order:
    input:
        claims=lambda wildcards: str(run.claims),
        questions=lambda wildcards: plan.items(),
        conversations=lambda wildcards: plan.conversations(),
    output:
        "<results>/audit/order.json",
    log:
        "<logs>/audit_order.log",
    benchmark:
        "<benchmarks>/audit_order.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        # `threads` makes the first a derived parameter: another budget is no reason to draw again.
        config=lambda wildcards, threads: run.model_dump_json(),
        terms=lambda wildcards: plan.audit_terms(),
    message:
        "Committing to the order of the items"
    shell:
        "keep_log {log:q}; medeval audit order --config {params.config:q} --out {output:q} {input.questions:q} {input.conversations:q}"
        " > {log:q} 2>&1"


rule audit:
    input:
        order="<results>/audit/order.json",
        claims=lambda wildcards: str(run.claims),
        questions=lambda wildcards: plan.items(),
        conversations=lambda wildcards: plan.conversations(),
        files=audited_files,
    output:
        "<results>/audit.json",
    log:
        "<logs>/audit.log",
    benchmark:
        "<benchmarks>/audit.tsv"
    conda:
        lambda wildcards: f"../envs/{plan.environment(plan.audit_target())}.yaml"
    threads: run.engine.threads
    resources:
        mem_mb=lambda wildcards, input: 2000
        + run.engine.kv_limit_mib
        + 2 * int(input.size_mb),
        gpu=lambda wildcards: plan.gpus(plan.audit_target()),
        runtime="24h",
    params:
        config=lambda wildcards: run.model_dump_json(),
    message:
        "Auditing claims at a stated risk"
    shell:
        "keep_log {log:q}; medeval audit run --config {params.config:q} --order {input.order:q} --out {output:q}"
        " {input.questions:q} {input.conversations:q} 2> {log:q}"
