"""The texts by which items are compared: the words of the stem, and the options."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from medeval.errors import MedevalError
from medeval.records.tables import canonical_text, first_of_each_item
from medeval.text.homoglyphs import fold_lookalikes
from medeval.text.words import normalise

# Options that say nothing of the question: that two items share one is no sign of a common origin.
GENERIC_OPTIONS = frozenset(
    {
        *(f"{head} of {tail}" for head in ("all", "none", "any", "both") for tail in ("the above", "above", "these")),
        *("all", "none", "any", "both", "yes", "no", "maybe", "true", "false", "other", "not sure"),
    }
)


@dataclass(frozen=True)
class ComparedItem:
    """One item as it is compared.

    Attributes:
        benchmark: Benchmark id.
        item_id: Its id there.
        cluster_id: The cluster that the loader gave it.
        words: The stem in normalised words; of a conversation, all its messages.
        options: Normalised options that are particular to the question; empty when all are generic.
        exact_options: All options, folded but for case and punctuation.
        gold: The scored option in that form; None for a conversation.
        golds: Every correct option in that form.
        context: The text that comes before the question, folded; "" without one.
    """

    benchmark: str
    item_id: str
    cluster_id: str
    words: tuple[str, ...]
    options: frozenset[str] = frozenset()
    exact_options: frozenset[str] = frozenset()
    gold: str | None = None
    golds: frozenset[str] = frozenset()
    context: str = ""


def documents(tables: Sequence[pa.Table]) -> list[ComparedItem]:
    """Return the items of items and conversations tables; a conversation in several subsets counts once.

    Raises:
        MedevalError: Two tables hold the same item of the same benchmark.
    """
    found = [_document(row) for table in tables for row in first_of_each_item_of(table).to_pylist()]
    seen: set[tuple[str, str]] = set()
    for document in found:
        key = (document.benchmark, document.item_id)
        if key in seen:
            raise MedevalError(
                f"item {document.item_id} of {document.benchmark} is in more than one table",
                "Give one table per benchmark.",
            )
        seen.add(key)
    return found


def first_of_each_item_of(table: pa.Table) -> pa.Table:
    """Return the rows that count as items: every row of an items table, one per prompt of a conversations table."""
    return first_of_each_item(table) if "messages" in table.column_names else table


def _document(row: dict[str, Any]) -> ComparedItem:
    head = (row["benchmark"], row["item_id"], row["cluster_id"])
    if "messages" in row:
        return ComparedItem(*head, tuple(normalise("\n".join(message["content"] for message in row["messages"]))))
    options = row["options"]
    exact = _distinct(options)
    return ComparedItem(
        *head,
        tuple(normalise(row["question"])),
        options=frozenset(_plain(option) for option in options) - GENERIC_OPTIONS,
        exact_options=frozenset(exact),
        gold=exact[row["answer"]],
        golds=frozenset(exact[index] for index in row["answers"]),
        context=_folded(row["context"] or ""),
    )


def _plain(option: str) -> str:
    """Return an option in normalised words; one without any word, such as a sign, as it stands."""
    return " ".join(normalise(option)) or _folded(option)


def _distinct(options: Sequence[str]) -> list[str]:
    """Return options that compare equal across copies, yet stay apart where case alone tells them apart (BB, Bb)."""
    folded = [_folded(option).rstrip(".") for option in options]
    lower = [option.casefold() for option in folded]
    return lower if len(set(lower)) == len(set(folded)) else folded


def _folded(text: str) -> str:
    return canonical_text(fold_lookalikes(text))
