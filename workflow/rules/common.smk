# Which files a run needs, derived from its configuration.


wildcard_constraints:
    model="[a-z0-9][a-z0-9_.-]*",
    variant="[a-z0-9][a-z0-9_.-]*",
    target="[a-z]+",
    benchmark="[a-z_]+",


def evaluations(pattern, benchmarks):
    """Expand a pattern over every evaluated weights file, target and given benchmark."""
    return [
        pattern.format(model=model.id, variant=variant, target=target, benchmark=benchmark)
        for model in run.models
        for variant in model.evaluate
        for target in run.targets
        for benchmark in benchmarks
    ]


def weights_files():
    """Return the description of every weights file that is evaluated."""
    return [f"{RESULTS}/weights/{model.id}/{variant}.gguf.json" for model in run.models for variant in model.evaluate]


def score_files():
    """Return every table of scores."""
    return evaluations(f"{RESULTS}/scores/{{model}}/{{variant}}/{{target}}/{{benchmark}}.parquet", run.choice_benchmarks)


def grade_files():
    """Return every table of grades; none when nobody grades HealthBench."""
    if not run.grades_healthbench:
        return []
    return evaluations(f"{RESULTS}/grades/{{model}}/{{variant}}/{{target}}.parquet", ["healthbench"])


def overlap_files():
    """Return every contamination report; none when no corpus is given."""
    if not run.contamination.corpora:
        return []
    return [f"{RESULTS}/contamination/{benchmark}.json" for benchmark in run.choice_benchmarks]
