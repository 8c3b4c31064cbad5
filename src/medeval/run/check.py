"""What a run will do, in words, before anything is downloaded."""

from medeval.errors import MedevalError
from medeval.publication.publication import load_publication
from medeval.run.audit import Audit
from medeval.run.config import RunConfig, local_files
from medeval.run.judge import LocalJudge
from medeval.run.model import Variant
from medeval.run.sources import HubSource, describe, describe_all, files_of


def describe_run(run: RunConfig) -> str:
    """Describe a run: its models, benchmarks and protocol, and what is not pinned yet.

    Raises:
        MedevalError: A local file that the configuration names does not exist, or a publication file is wrong.
    """
    if missing := [str(path) for path in local_files(run) if not path.exists()]:
        raise MedevalError(
            f"the configuration names files that do not exist: {', '.join(missing)}",
            "Correct the paths; they are relative to the folder where the command runs, or to the project's.",
        )
    for publication in (run.claims, *run.desk_audits):
        load_publication(publication)
    lines = [f"{run.title} (results/{run.name})", "", "models:"]
    for model in run.models:
        lines.append(f"  {model.title}: evaluates {', '.join(model.evaluate)}; reference {model.reference}")
        for name, variant in model.variants.items():
            lines.append(f"    {name}: {_origin(variant)}")
    lines += ["", "benchmarks:"]
    for benchmark in run.benchmarks:
        count = f"{benchmark.expected_items:,} items" if benchmark.expected_items else "any number of items"
        more = f" and {len(benchmark.sources) - 1} more" if len(benchmark.sources) > 1 else ""
        lines.append(f"  {benchmark.id}: {count}; {describe(benchmark.sources[0])}{more}")
    protocol = run.protocol
    lines += ["", f"protocol: modes {', '.join(protocol.modes)}; {protocol.headline} decides claims;"]
    lines.append(
        f"  temperature {protocol.temperature:g}, {protocol.samples} sample(s), at most {protocol.max_tokens:,} tokens"
    )
    lines += [f"targets: {', '.join(run.targets)}", f"judge: {_judge(run)}"]
    if run.audit is not None:
        lines.append(_audit(run.audit))
    return "\n".join([*lines, *_unpinned(run)])


def _audit(audit: Audit) -> str:
    """Describe the audit that `snakemake audit` conducts."""
    limits = {"items per system": audit.max_items, "hours": audit.max_hours}
    budget = [f"at most {limit:,g} {unit}" for unit, limit in limits.items() if limit is not None]
    claims = ", ".join(audit.claims) or "every claim"
    return f"audit: {claims} at risk {audit.risk:g}, {' and '.join(budget) or 'no budget'}; seed {audit.seed}"


def _judge(run: RunConfig) -> str:
    """Describe the judge; what is not known about it is said to be so."""
    judge = run.judge
    if judge is None:
        return "none: HealthBench is not graded"
    if isinstance(judge, LocalJudge):
        origin = describe_all(files_of(judge.source)) if judge.source else "made by this run"
        name = f"{judge.model}/{judge.variant}, {origin}"
    else:
        name = f"{judge.model} at {judge.url}, revision {judge.revision or 'not stated'}"
    return f"{name}; family {judge.family or 'not stated'}; one call per {judge.mode}"


def _origin(variant: Variant) -> str:
    if variant.source is not None:
        return describe_all(files_of(variant.source))
    if variant.checkpoint is not None:
        return f"{variant.type} converted from {describe_all(variant.checkpoint)}"
    if variant.served is not None:
        return f"{variant.served.model} at {variant.served.url}"
    matrix = f" with importance matrix {variant.imatrix}" if variant.imatrix else ""
    return f"{variant.type} from {variant.quantize_from}{matrix}"


def _unpinned(run: RunConfig) -> list[str]:
    open_ones = [f"  {describe(s)}" for s in run.sources() if isinstance(s, HubSource) and s.revision is None]
    return ["", "not pinned yet, so a run will refuse them:", *open_ones] if open_ones else []
