"""HealthBench's meta-evaluation: what physicians said of criteria in given answers, to measure a judge against.

A row is one criterion of one answer with a yes or no from each physician who looked. Its category names the
criterion's cluster, which begins with the theme. 29,511 rows hold 60,896 judgements (HealthBench's paper, section 8).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.items.benchmarks.fields import UnusableRow, text
from medeval.items.benchmarks.healthbench import conversation
from medeval.items.benchmarks.locate import KnownFiles
from medeval.items.benchmarks.report import Loaded
from medeval.items.benchmarks.source import SourceRow, read_files
from medeval.items.benchmarks.tally import Tally, note, source_id
from medeval.records.tables import canonical_id

EXPECTED_ROWS, EXPECTED_JUDGEMENTS = 29_511, 60_896
FILES = KnownFiles(("openai/healthbench",), (("*oss_meta_eval.jsonl",),))
THEMES = (
    "global_health",
    "hedging",
    "communication",
    "context_seeking",
    "emergency_referrals",
    "health_data_tasks",
    "complex_responses",
)
_COLUMNS = ("prompt", "completion", "rubric", "category", "binary_labels", "anonymized_physician_ids")
_CLUSTER = "cluster:"


def load(files: Sequence[Path], revision: str) -> Loaded:
    """Return the rows of the meta-evaluation, one per criterion and answer; the stratum is the theme.

    Args:
        files: `2025-05-07-06-14-12_oss_meta_eval.jsonl` at the source.
        revision: Commit or hash of the source.

    Raises:
        MedevalError: A file or column is missing or broken, a row is unusable, or the whole file holds another
            number of judgements than published.
    """
    tally = Tally("healthbench_meta", EXPECTED_ROWS)
    items: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for row in read_files(files, _COLUMNS):
        identifier = source_id(row, "completion_id")
        with tally.row(row, identifier):
            item = _item(tally.benchmark, row, revision)
            seen[item["item_id"]] = seen.get(item["item_id"], 0) + 1
            if seen[item["item_id"]] > 1:
                tally.repeats.append(note(row, identifier, "the same criterion of the same answer"))
                item["item_id"] += f"-{seen[item['item_id']]}"
            tally.gold.update("met" if label else "not met" for label in item["labels"])
            items.append(item)
    judgements = tally.gold.total()
    if len(items) == EXPECTED_ROWS and judgements != EXPECTED_JUDGEMENTS:
        raise MedevalError(
            f"healthbench_meta: {judgements} judgements in the whole file, expected {EXPECTED_JUDGEMENTS}",
            "Fetch the file again at its pinned revision.",
        )
    return tally.finish(items)


def _item(benchmark: str, row: SourceRow, revision: str) -> dict[str, Any]:
    values = row.values
    category = text(values, "category").removeprefix(_CLUSTER)
    messages, completion, criterion = conversation(values), text(values, "completion"), text(values, "rubric")
    labels, physicians = values["binary_labels"], values["anonymized_physician_ids"]
    if not isinstance(labels, list) or not labels or not all(isinstance(label, bool) for label in labels):
        raise UnusableRow("binary_labels is no list of true and false, or an empty one")
    if not isinstance(physicians, list) or not all(isinstance(name, str) for name in physicians):
        raise UnusableRow("anonymized_physician_ids is no list of texts")
    if len(physicians) != len(labels):
        raise UnusableRow(f"{len(labels)} labels by {len(physicians)} physicians")
    return {
        "benchmark": benchmark,
        "item_id": canonical_id(criterion, [*(message["content"] for message in messages), completion]),
        "category": category,
        "stratum": _theme(category),
        "messages": messages,
        "completion": completion,
        "criterion": criterion,
        "labels": labels,
        "physicians": physicians,
        "source_row": row.position,
        "source_revision": revision,
        **{name: values.get(name) for name in ("prompt_id", "completion_id", "canary")},
    }


def _theme(category: str) -> str:
    for theme in THEMES:
        if category.startswith(theme):
            return theme
    raise UnusableRow("category begins with none of the themes")
