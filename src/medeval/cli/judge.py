"""Commands that audit judges: meta-eval, calibrate, panel, retest, anchors."""

from pathlib import Path

import click

from medeval.cli.common import FILE, command_line
from medeval.errors import MedevalError

NOT_CREDIBLE = 3

_SEED = click.option("--seed", default=20260101, show_default=True, help="Seed of the bootstraps.")


@click.group()
def judge() -> None:
    """Audit a judge before its HealthBench scores are trusted: agreement, calibration, panels, anchors.

    Example: medeval judge meta-eval meta.jsonl --verdicts verdicts.parquet --out audit.json
    """


@judge.command("meta-eval")
@click.argument("rows", type=FILE)
@click.option("--judge", "judge_json", help="The judge to ask: settings as JSON, or their file.")
@click.option("--judge-weights", type=FILE, help="GGUF file of a local judge, or its first part.")
@click.option("--threads", default=1, show_default=True, help="Threads of a local judge.")
@click.option("--samples", default=1, show_default=True, type=click.IntRange(min=1), help="Times each row is judged.")
@click.option("--limit", type=click.IntRange(min=1), help="Judge a random part of the rows: gives UNKNOWN.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Say what asking would take, and stop.")
@click.option(
    "--verdicts",
    "meta_grades",
    type=FILE,
    help="Grades: read, or with --judge written.  [default: OUT.verdicts.parquet]",
)
@click.option("--resamples", default=4000, show_default=True, type=click.IntRange(min=100), help="Bootstrap resamples.")
@_SEED
@click.option("--out", required=True, type=FILE, help="JSON document to write.")
@click.pass_context
def meta_eval(
    context: click.Context,
    rows: Path,
    judge_json: str | None,
    judge_weights: Path | None,
    threads: int,
    samples: int,
    limit: int | None,
    only_estimate: bool,
    meta_grades: Path | None,
    resamples: int,
    seed: int,
    out: Path,
) -> None:
    """Measure a judge against physicians on HealthBench's meta-evaluation: CREDIBLE, NOT_CREDIBLE (exit 3) or UNKNOWN.

    Example: medeval judge meta-eval oss_meta_eval.jsonl --judge judge.yaml --samples 2 --out audit.json
    """
    from medeval.grades.judges.meta_evaluation import meta_evaluation
    from medeval.grades.judges.meta_grades import read_meta_grades
    from medeval.grades.judges.rows import read_rows
    from medeval.grades.judges.show import shown
    from medeval.records.files import refuse_to_replace, write_json

    stored = meta_grades or out.with_name(out.name + ".verdicts.parquet")
    refuse_to_replace(out, [rows, stored])
    if judge_json is not None:
        refuse_to_replace(stored, [rows])
    found = read_rows(rows)
    chosen = found.sampled(limit, seed) if limit else found
    if judge_json is None and meta_grades is None:
        raise MedevalError("there is no judge and there are no grades", "Add --judge, or --verdicts FILE.")
    if judge_json is not None:
        from medeval.grades.estimate import estimate
        from medeval.grades.judge_settings import make_judge, read_settings
        from medeval.grades.judges.ask import ask, questions_left

        settings = read_settings(judge_json)
        asked = make_judge(settings, judge_weights, threads)
        click.echo(f"To ask: {estimate(questions_left(chosen, asked, stored, samples), settings)}", err=True)
        if only_estimate:
            return
        ask(chosen, asked, stored, samples=samples, command=command_line())
    document = meta_evaluation(found, read_meta_grades(stored, found.item_ids), resamples=resamples, seed=seed)
    write_json(out, document)
    click.echo(shown(document))
    if document["verdict"] == "NOT_CREDIBLE":
        context.exit(NOT_CREDIBLE)


@judge.command()
@click.argument("grades", nargs=-1, required=True, type=FILE)
@click.option("--rows", required=True, type=FILE, help="Meta-evaluation rows.")
@click.option(
    "--verdicts",
    "meta_grades",
    required=True,
    type=FILE,
    help="The same judge's grades on them, as meta-eval writes.",
)
@click.option(
    "--by",
    default="theme",
    show_default=True,
    type=click.Choice(["theme", "category", "none"]),
    help="Strata of the judge's errors.",
)
@click.option("--labelled", type=FILE, help="Labels of people on some of the graded criteria: adds PPI++.")
@click.option("--resamples", default=4000, show_default=True, type=click.IntRange(min=100), help="Bootstrap resamples.")
@_SEED
@click.option("--out", required=True, type=FILE, help="JSON document to write.")
def calibrate(
    grades: tuple[Path, ...],
    rows: Path,
    meta_grades: Path,
    by: str,
    labelled: Path | None,
    resamples: int,
    seed: int,
    out: Path,
) -> None:
    """Take a judge's errors, as measured against physicians, out of the scores that it gave; GRADES are one judge's.

    Example: medeval judge calibrate grades.parquet --rows meta.jsonl --verdicts verdicts.parquet --out calibrated.json
    """
    from medeval.grades.judges.calibrate import calibrate as run
    from medeval.grades.judges.grades import read_one_judge
    from medeval.grades.judges.labelled import read_labelled
    from medeval.grades.judges.meta_grades import read_meta_grades
    from medeval.grades.judges.rows import read_rows
    from medeval.grades.judges.show_calibration import shown
    from medeval.records.files import refuse_to_replace, write_json

    refuse_to_replace(out, [*grades, rows, meta_grades, *([labelled] if labelled else [])])
    found = read_rows(rows)
    document = run(
        read_one_judge(grades),
        found,
        read_meta_grades(meta_grades, found.item_ids),
        by=by,  # type: ignore[arg-type]
        labelled=read_labelled(labelled) if labelled else None,
        resamples=resamples,
        seed=seed,
    )
    write_json(out, document)
    click.echo(shown(document))


@judge.command()
@click.argument("grades", nargs=-1, required=True, type=FILE)
@click.option("--family", "families", multiple=True, help="NAME=FAMILY of a model, or of judges whose name begins so.")
@click.option("--config", type=FILE, help="A run's configuration: families of its models and of its judge.")
@_SEED
@click.option("--out", required=True, type=FILE, help="JSON document to write.")
def panel(grades: tuple[Path, ...], families: tuple[str, ...], config: Path | None, seed: int, out: Path) -> None:
    """Compare judges of the same responses: scores, agreement, orderings, self-preference; GRADES of all judges.

    Example: medeval judge panel a.parquet b.parquet c.parquet --family medpsy-4b=qwen --family Llama=llama --out p.json
    """
    from medeval.grades.judges.families import of_run, parse_families
    from medeval.grades.judges.grades import read_by_judge
    from medeval.grades.judges.panel import panel as run
    from medeval.grades.judges.show_panel import shown
    from medeval.records.files import refuse_to_replace, write_json

    refuse_to_replace(out, [*grades, *([config] if config else [])])
    stated = parse_families([*(of_run(config) if config else []), *families])
    document = run(read_by_judge(grades), stated, seed=seed)
    write_json(out, document)
    click.echo(shown(document))


@judge.command()
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@_SEED
@click.option("--out", required=True, type=FILE, help="JSON document to write.")
def retest(first: Path, second: Path, seed: int, out: Path) -> None:
    """Compare two gradings of the same responses by one judge: flips, and the change of scores.

    Example: medeval judge retest grades.parquet again.parquet --out retest.json
    """
    from medeval.grades.judges.grades import read_graded
    from medeval.grades.judges.retest import retest as run
    from medeval.grades.judges.show_panel import shown_retest
    from medeval.records.files import refuse_to_replace, write_json

    refuse_to_replace(out, [first, second])
    document = run(read_graded(first), read_graded(second), seed=seed)
    write_json(out, document)
    click.echo(shown_retest(document))


@judge.command()
@click.argument("grades", nargs=-1, required=True, type=FILE)
@click.option("--official", required=True, type=FILE, help='JSON: {"MODEL": {"overall": 0.4778, "THEME": 0.5}}.')
@click.option("--judged", type=FILE, help="Grades by the same judge to carry over to the official one.")
@click.option("--published", type=click.FloatRange(0, 1), help="Published score to hold --judged's only run against.")
@click.option(
    "--margin", default=0.02, show_default=True, type=click.FloatRange(0, 1, min_open=True), help="Tolerance."
)
@_SEED
@click.option("--out", required=True, type=FILE, help="JSON document to write.")
def anchors(
    grades: tuple[Path, ...],
    official: Path,
    judged: Path | None,
    published: float | None,
    margin: float,
    seed: int,
    out: Path,
) -> None:
    """Hold a judge against the official one on systems with known scores (GRADES), and carry its other scores over.

    Example: medeval judge anchors anchors.parquet --official official.json --judged grades.parquet --out anchors.json
    """
    from medeval.grades.judges.anchors import anchors as run
    from medeval.grades.judges.anchors import read_official
    from medeval.grades.judges.grades import read_graded, read_one_judge
    from medeval.grades.judges.show_panel import shown_anchors
    from medeval.records.files import refuse_to_replace, write_json

    refuse_to_replace(out, [*grades, official, *([judged] if judged else [])])
    document = run(
        read_one_judge(grades),
        read_official(official),
        read_graded(judged) if judged else None,
        published=published,
        margin=margin,
        seed=seed,
    )
    write_json(out, document)
    click.echo(shown_anchors(document))
