"""Agreement of one judge with physicians: overall, by theme and by category, with intervals that share resamples."""

from typing import Any

import numpy as np
import numpy.typing as npt

from medeval.grades.judges.rows import MetaRows
from medeval.records.documents import as_json
from medeval.statistics.estimates import DEFAULT_SEED, BootstrapEstimate
from medeval.statistics.judge_agreement import (
    agreement,
    bootstrap_totals,
    class_weight,
    group_totals,
    macro_f1,
    mean_macro_f1,
    replicate_interval,
)

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class JudgeFigures:
    """Figures of a judge on rows, as JSON values.

    A theme's macro-F1 is the mean over its categories, weighted by ``n+ + n-``; the overall one is pooled over all
    pairs of grade and label, which is no mean of themes and can lie above every one of them.

    Args:
        rows: The judged rows.
        cells: Their pairs by kind, shape (n, 6).
        resamples: Number of bootstrap resamples of prompts.
        seed: Seed of the bootstrap.
    """

    def __init__(self, rows: MetaRows, cells: FloatArray, *, resamples: int, seed: int = DEFAULT_SEED) -> None:
        self._cells, self._seed = cells, seed
        self._categories, codes = np.unique(rows.categories, return_inverse=True)
        groups = len(self._categories)
        self._totals = group_totals(cells, codes, groups)
        self._drawn = bootstrap_totals(cells, rows.prompts, codes, groups, resamples=resamples, seed=seed)
        _, prompts = np.unique(rows.prompts, return_inverse=True)
        self._seen = np.zeros((int(prompts.max()) + 1, groups), dtype=bool)
        self._seen[prompts, codes] = True
        theme_of = dict(zip(rows.categories.tolist(), rows.themes.tolist(), strict=True))
        self._themes = np.array([theme_of[name] for name in self._categories.tolist()])

    def overall(self) -> dict[str, Any]:
        """Return the pooled figures."""
        value, replicates = macro_f1(self._totals.sum(axis=0)), macro_f1(self._drawn.sum(axis=1))
        return self._entry(self._cells, value, replicates, self._prompts())

    def themes(self) -> list[dict[str, Any]]:
        """Return one entry per theme; precision, recall and F1 of the classes are pooled within it."""
        entries = []
        for theme in sorted(set(self._themes.tolist())):
            of_it = self._themes == theme
            totals = self._totals[of_it]
            value, replicates = mean_macro_f1(totals), mean_macro_f1(self._drawn[:, of_it])
            entry = self._entry(totals, value, replicates, self._prompts(of_it))
            undefined = int(np.isnan(macro_f1(totals)).sum())
            entries.append({"theme": theme, **entry, "categories": int(of_it.sum()), "categories_undefined": undefined})
        return entries

    def categories(self) -> list[dict[str, Any]]:
        """Return one entry per category."""
        return [
            {"category": str(name), "theme": str(self._themes[c]), **self._category(c)}
            for c, name in enumerate(self._categories)
        ]

    def mean_over_categories(self) -> dict[str, Any] | None:
        """Return the unweighted mean macro-F1 of the categories, which is quoted beside the pooled figure."""
        value = _mean_where_defined(macro_f1(self._totals))
        return self._interval(value, _mean_where_defined(macro_f1(self._drawn)), self._cells.sum(), self._prompts())

    def _category(self, code: int) -> dict[str, Any]:
        totals = self._totals[code]
        only = np.arange(len(self._categories)) == code
        return self._entry(totals[None, :], macro_f1(totals), macro_f1(self._drawn[:, code]), self._prompts(only))

    def _prompts(self, categories: BoolArray | slice = slice(None)) -> int:
        """Count the prompts with a row in some categories."""
        return int(self._seen[:, categories].any(axis=1).sum())

    def _entry(self, cells: FloatArray, value: FloatArray, replicates: FloatArray, prompts: int) -> dict[str, Any]:
        figures: dict[str, Any] = as_json(agreement(cells))
        figures["weight"] = float(class_weight(cells).sum())
        return {**figures, "macro_f1": self._interval(value, replicates, figures["pairs"], prompts)}

    def _interval(self, value: FloatArray, replicates: FloatArray, pairs: float, prompts: int) -> dict[str, Any] | None:
        if np.isnan(value):
            return None
        found: BootstrapEstimate = replicate_interval(
            replicates, value=float(value), pairs=pairs, clusters=prompts, seed=self._seed
        )
        entry: dict[str, Any] = as_json(found)
        return entry


def _mean_where_defined(values: FloatArray) -> FloatArray:
    """Mean over the last axis without NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=-1)
    sums = np.where(defined, values, 0.0).sum(axis=-1)
    return np.asarray(np.where(count > 0, sums / np.maximum(count, 1), np.nan))
