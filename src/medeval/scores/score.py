"""Responses to scores: what each reply chose, whether that is right, and what could not be read."""

import pyarrow as pa

from medeval.answers.outcomes import STAGES, STATUSES, best_option
from medeval.scores.accounting import accounting
from medeval.scores.coverage import missing_items
from medeval.scores.scorer import Scorer

__all__ = ["STAGES", "STATUSES", "accounting", "best_option", "missing_items", "score"]


def score(items: pa.Table, responses: pa.Table) -> pa.Table:
    """Score every response; the result has one row per response, in the same order.

    Generated replies are read by ``read_answer``. Letters are scored by the log-probability of the label,
    cloze and choices_only by the log-probability per UTF-8 byte of the option's text; the two are separate
    metrics. Equal best options are ``ambiguous``. What is not answered counts as wrong. When an item has
    several correct options, any of them counts, and the method says so by the suffix ``+any-gold``.

    Args:
        items: Rows of ``tables.ITEMS``.
        responses: Rows of ``tables.RESPONSES``, or of its columns that a score is made from.

    Returns:
        Rows of ``tables.SCORES``.

    Raises:
        MedevalError: A response has no item, an unknown mode, or lacks what its mode is scored by.
    """
    return Scorer(items).score(responses, "responses: row {}".format).table
