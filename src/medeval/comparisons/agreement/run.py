"""The agree stage: two responses tables in, one document with every measure of their agreement out."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medeval.comparisons.agreement import gate
from medeval.comparisons.agreement.compared import compare_responses
from medeval.comparisons.agreement.matching import Matched, match
from medeval.comparisons.agreement.outcomes import outcomes, read_items
from medeval.comparisons.agreement.responses import Responses, read_responses, setting_differences
from medeval.errors import MedevalError
from medeval.records.files import sha256_file
from medeval.records.inputs import package_versions
from medeval.statistics.estimates import DEFAULT_CONFIDENCE

AGREEMENT = "agreement.v1"


def agree(
    path_a: Path,
    path_b: Path,
    *,
    items_paths: Sequence[Path] = (),
    again_path: Path | None = None,
    allow_different_prompts: bool = False,
    with_gate: bool = False,
    seed: int,
) -> dict[str, Any]:
    """Compare the responses of two systems to the same requests; A is the reference.

    Args:
        path_a: Responses table of A.
        path_b: Responses table of B.
        items_paths: Items tables, to score the responses by; without, correctness is not compared.
        again_path: Responses table of a second run of A, which shows how far A agrees with itself.
        allow_different_prompts: Compare also responses to different prompts.
        with_gate: Decide whether B may stand for A: the same weights on another backend.
        seed: Seed of the bootstraps.

    Returns:
        The document, in the schema that docs/read/agreement.md describes.

    Raises:
        MedevalError: A table is unusable; the tables share no response, or answer different prompts; the second run
            is of another system; the gate is asked of two weights files.
    """
    a, b = read_responses(path_a), read_responses(path_b)
    again = None if again_path is None else read_responses(again_path)
    if with_gate:
        gate.require_same_weights(a, b)
    items = read_items(items_paths)
    matched = match(a, b, allow_different_prompts=allow_different_prompts)
    repeated = None if again is None else _match_again(a, again, allow_different_prompts)
    needed = matched.a if repeated is None else np.union1d(matched.a, repeated.a)
    outcomes_a, outcomes_b = outcomes(items, a, needed), outcomes(items, b, matched.b)
    outcomes_again = floor = None
    if again is not None and repeated is not None:
        of_again = outcomes(items, again, repeated.b)
        counterpart = np.full(len(a.rows), -1)
        counterpart[repeated.a] = repeated.b
        outcomes_again = of_again.take(counterpart)
        floor = compare_responses(a, again, repeated, items, outcomes_a, of_again, None, seed)
    compared = compare_responses(a, b, matched, items, outcomes_a, outcomes_b, outcomes_again, seed)
    read = [path_a, path_b, *([] if again_path is None else [again_path]), *items_paths]
    return {
        "schema": AGREEMENT,
        "confidence": DEFAULT_CONFIDENCE,
        "seed": seed,
        "packages": package_versions(read),
        "inputs": {str(path): sha256_file(path) for path in read},
        "a": a.describe(),
        "b": b.describe(),
        "again": None if again is None else again.describe(),
        "settings_that_differ": setting_differences(a, b),
        "notes": list(_notes(a, b, again, matched, scored=bool(items_paths))),
        "groups": compared.entries(),
        "overall": compared.overall(),
        "floor": None if floor is None else {"groups": floor.entries(), "overall": floor.overall()},
        "gate": gate.decide(compared) if with_gate else None,
    }


def _match_again(a: Responses, again: Responses, allow_different_prompts: bool) -> Matched:
    if again.system != a.system:
        raise MedevalError(
            f"{again.path}: responses of {again.system}, expected a second run of {a.system}",
            "Give `--again` the table of another run of the system of A.",
        )
    return match(a, again, allow_different_prompts=allow_different_prompts)


def _notes(a: Responses, b: Responses, again: Responses | None, matched: Matched, *, scored: bool) -> Iterator[str]:
    """Say what a reader must know before the numbers mean anything."""
    if a.path.samefile(b.path):
        yield "A and B are the same file: nothing is compared"
    elif a.run_ids == b.run_ids:
        yield "A and B have the same run id: only what it leaves out, such as the number of threads, can differ"
    if again is not None and a.path.samefile(again.path):
        yield "the second run of A is A's own file: it agrees by construction"
    if a.weights_sha256 is None or b.weights_sha256 is None:
        yield "the weights of A or B are not recorded, so that they may differ"
    elif a.weights_sha256 != b.weights_sha256:
        yield "A and B are of different weights files"
    if different := int((~matched.same_prompt).sum()):
        yield f"{different} responses answer different prompts; what differs may be due to that"
    modes = [mode for side in (a, b) for mode in side.rows["mode"].unique().to_pylist()]
    if "generate" not in modes:
        return
    samplings = {a.sampling, b.sampling}
    if "sampled" in samplings:
        yield "replies are sampled (temperature above 0): whether two texts are equal says nothing, and is left out"
        if scored and again is None:
            yield "flips include those that sampling alone makes; --again with a second run of A shows how many"
    elif "unknown" in samplings:
        yield (
            "it is not known whether replies were sampled, as TABLE.lm_eval.json of its run is not beside each table; "
            "equal texts mean something only if they were not"
        )
