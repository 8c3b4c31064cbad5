"""Which pairs are duplicates: copies that were planted, and rows that only look alike."""

import random
from collections.abc import Callable

import pytest
from coverage_rows import Row, conversation, conversations, invented_items, item, items, seeded

from medeval.items.coverage.documents import documents
from medeval.items.coverage.duplicates import find_duplicates

VIGNETTE = (
    "A 54 year old woman comes to the clinic with three weeks of fever, night sweats and a cough that brings up blood. "
    "She returned from a long journey two months ago and has lost six kilograms of weight since."
)
OPTIONS = ["Tuberculosis", "Sarcoidosis", "Lung cancer", "Pneumonia"]


def kinds(*rows: Row) -> list[str]:
    return [pair.kind for pair in find_duplicates(documents([items(rows)]))]


def exact(row: Row, draw: random.Random) -> Row:
    return row


def two_words_changed(row: Row, draw: random.Random) -> Row:
    words = row["question"].split()
    for place in draw.sample(range(len(words)), 2):
        words[place] = "substitute"
    return row | {"question": " ".join(words)}


def options_shuffled(row: Row, draw: random.Random) -> Row:
    order = draw.sample(range(4), 4)
    answer = order.index(row["answer"])
    return row | {"options": [row["options"][i] for i in order], "answer": answer, "answers": [answer]}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_copies_are_found_and_nothing_else_is(seed: int) -> None:
    """Recall 100 %, at least 95 % and 100 %; no false pair.

    Words are changed in stems of twelve words or more: two words of six to eleven are a fifth to a third of the
    question, and only about a third of such changes are found.
    """
    draw = seeded(seed)
    rows = invented_items(1000, seed)
    plans: list[Callable[[Row, random.Random], Row]] = [exact, two_words_changed, options_shuffled]
    originals = draw.sample(range(1000), 150)
    long = [row for row in range(1000) if len(rows[row]["question"].split()) >= 12]
    changed = draw.sample([row for row in long if row not in originals], 50)
    sources = [originals[:50], changed, originals[50:100]]
    planted: dict[tuple[int, int], int] = {}
    for plan, (change, chosen) in enumerate(zip(plans, sources, strict=True)):
        for row in chosen:
            planted[row, len(rows)] = plan
            rows.append(change(rows[row], draw) | {"item_id": f"c{len(rows)}", "cluster_id": f"c{len(rows)}"})
    found = {(pair.left, pair.right): pair.kind for pair in find_duplicates(documents([items(rows)]))}
    assert set(found) <= set(planted)
    recall = [sum(pair in found for pair, p in planted.items() if p == plan) / 50 for plan in range(3)]
    assert recall[0] == recall[2] == 1
    assert recall[1] >= 0.95
    assert {found[pair] for pair, plan in planted.items() if plan != 1} == {"same"}


def test_a_generic_short_stem_is_no_duplicate_without_options_in_common() -> None:
    stem = "Which of the following statements is true?"
    assert kinds(item("a", stem, OPTIONS), item("b", stem, ["Iron", "Zinc", "Copper", "Lead"])) == []
    assert kinds(item("a", stem, [*OPTIONS, "All of the above"]), item("b", stem, ["Iron", "All of the above"])) == []


def test_a_short_stem_that_differs_in_one_letter_is_no_duplicate_with_other_options() -> None:
    first = item("a", "All are true about DNA synthesis except", ["w one", "x two", "y three", "z four"])
    second = item("b", "All are true about RNA synthesis except", ["k five", "l six", "m seven", "n eight"])
    assert kinds(first, second) == []


def test_a_short_stem_inside_a_long_one_is_no_duplicate() -> None:
    """token_set_ratio is 100 for a subset, whatever else the longer text says."""
    assert kinds(item("a", "Weight loss and fever", OPTIONS), item("b", VIGNETTE, OPTIONS)) == []


def test_a_reworded_short_stem_with_the_same_options_is_a_duplicate() -> None:
    first = item("a", "Drug of choice for acute gout in renal failure", ["Colchicine", "Aspirin", "Steroids"])
    second = item("b", "In renal failure the drug of choice for acute gout is", ["Steroids", "Colchicine", "Aspirin"])
    assert kinds(first, second) == ["near"]


def test_two_questions_on_one_long_case_share_a_vignette() -> None:
    first = item("a", f"{VIGNETTE} What is the most likely diagnosis?", OPTIONS)
    second = item("b", f"{VIGNETTE} What is the best test?", ["Sputum smear", "Biopsy", "Bronchoscopy", "None"])
    assert kinds(first, second) == ["vignette"]


def test_look_alike_letters_and_punctuation_hide_no_copy() -> None:
    copy = VIGNETTE.replace("a", "\u0430").replace("e", "\u0435").replace(",", ";")
    assert kinds(item("a", VIGNETTE, OPTIONS), item("b", copy, [f"{option}." for option in OPTIONS])) == ["same"]


def test_more_options_of_the_same_question_are_a_near_duplicate() -> None:
    longer = [*OPTIONS, "Asthma", "Heart failure"]
    assert kinds(item("a", VIGNETTE, OPTIONS), item("b", VIGNETTE, longer, benchmark="mmlu_pro_health")) == ["near"]


def test_items_of_yes_and_no_are_compared_by_their_stems_alone() -> None:
    options = ["yes", "no", "maybe"]
    other = "Is early mobilisation after hip surgery of any use to patients with heart failure in old age?"
    assert kinds(item("a", VIGNETTE, options), item("b", other, options)) == []
    assert kinds(item("a", other, options), item("b", other + " A trial", options)) == ["near"]


def test_the_same_question_on_another_context_is_not_the_same_item() -> None:
    first, second = (item(name, VIGNETTE, OPTIONS, context=name) for name in ("ab", "cd"))
    assert kinds(first, second) == ["near"]


def test_conversations_are_compared_by_all_their_messages_and_once_per_prompt() -> None:
    rows = [
        conversation("p1", VIGNETTE, "What should she do?"),
        conversation("p1", VIGNETTE, "What should she do?", subset="hard"),
        conversation("p2", VIGNETTE, "What should she do now?"),
        conversation("p3", "My knee hurts when I climb the stairs, is this a reason to see somebody about it?"),
    ]
    found = documents([conversations(rows)])
    assert [document.item_id for document in found] == ["p1", "p2", "p3"]
    assert [(pair.left, pair.right) for pair in find_duplicates(found)] == [(0, 1)]


def test_the_order_of_the_items_decides_nothing() -> None:
    rows = invented_items(60, 9)
    rows += [two_words_changed(row, seeded(1)) | {"item_id": f"x{i}"} for i, row in enumerate(rows[:20])]

    def named(order: list[Row]) -> set[frozenset[str]]:
        found = documents([items(order)])
        return {frozenset({found[p.left].item_id, found[p.right].item_id}) for p in find_duplicates(found)}

    assert named(rows) == named(rows[::-1])
    assert len(named(rows)) >= 15
