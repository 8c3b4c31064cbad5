# medeval: from pinned weights and benchmarks to verdicts on published claims. Paths below results/NAME/:
#   sources/BENCHMARK/INDEX/FILE, items/BENCHMARK.parquet       rows as fetched, and as validated items
#   weights/MODEL/VARIANT.gguf               weights, each described in VARIANT.gguf.json
#   probes/MODEL/VARIANT/TARGET.json         what the device is and whether it computes what the processor computes
#   responses/MODEL/VARIANT/TARGET/BENCHMARK.parquet
#   scores/ likewise; grades/MODEL/VARIANT/TARGET.parquet       a judge on every HealthBench criterion
#   audit/order.json, audit/batches/, audit.json                a claim decided on few items: `snakemake audit`
#   contamination/DETECTOR/BENCHMARK.json     traces of the test items
#   desk_audits/, comparisons.json, verdicts.json, report.html, mlflow.db
import json
from pathlib import Path

from snakemake.utils import min_version

from medeval.contamination.detectors import DETECTORS
from medeval.records.yaml_files import load_yaml
from medeval.run.config import from_mapping
from medeval.run.plan import Plan, job_prefix, one_of

min_version("9.27")
# What comes with the project is found beside this file; results go where the user stands.
PROJECT = Path(workflow.basedir)
# Jobs find `medeval` beside this Python even when its environment is not activated.
shell.prefix(job_prefix(PROJECT))
shell.suffix("; end_attempt")

if not workflow.overwrite_configfiles:

    configfile: str(PROJECT / "config/demo.yaml")


files = workflow.overwrite_configfiles or [PROJECT / "config/demo.yaml"]
# A key that is given twice is refused here; Snakemake has taken the last.
for file in files:
    load_yaml(Path(file))
run = from_mapping(config, Path(files[-1]), project=PROJECT)
plan = Plan(run, Path("results", run.name), PROJECT)


pathvars:
    results=str(plan.results),
    logs=str(plan.results / "logs"),
    benchmarks=str(plan.results / "benchmarks"),


wildcard_constraints:
    model=r"[a-z0-9][a-z0-9_.-]*",
    variant=r"[a-z0-9][a-z0-9_.-]*",
    imatrix=r"[a-z0-9][a-z0-9_.-]*",
    target=r"[a-z]+",
    detector=one_of(DETECTORS),
    benchmark=r"[a-z_]+",
    shard=r"\d+-of-\d+",


include: "workflow/rules/common.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/items.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/grade.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/contamination.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/publish.smk"


rule all:
    default_target: True
    input:
        report="<results>/report.html",
        tracking="<results>/mlflow.json",
        verdicts="<results>/verdicts.json",
