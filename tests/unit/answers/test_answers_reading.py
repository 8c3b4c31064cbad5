"""The reader's promises that are not one reply: cuts, reasoning, loops, wrong arguments. The corpus has the replies."""

import pytest

from medeval.answers.reading import FINISH_REASONS, Reading, read_answer
from medeval.errors import MedevalError
from medeval.text.homoglyphs import fold_lookalikes
from medeval.text.reasoning import split_reasoning

ORGANS = ("Spleen", "Liver", "Kidney", "Heart")
TEN = ("Iron", "Zinc", "Lead", "Gold", "Neon", "Argon", "Boron", "Radon", "Tin", "Copper")


@pytest.mark.parametrize("text", ["Answer: B", "So it is.\nAnswer: B\n"])
def test_strict_answer_before_the_cut_counts(text: str) -> None:
    assert read_answer(text, ORGANS, finish_reason="length") == Reading(1, "B", "answered", "strict")


@pytest.mark.parametrize("text", ["", "The answer is B", "Liver", "**B**", " C\n\nQuestion: next?\nAnswer: D"])
def test_cut_reply_without_a_strict_answer_of_its_own_is_truncated(text: str) -> None:
    assert read_answer(text, ORGANS, finish_reason="length") == Reading(None, None, "truncated", "none")


def test_nothing_is_read_from_a_reply_that_ended_inside_its_reasoning() -> None:
    # lm-eval 3382: the unfinished thought was parsed as the answer
    assert read_answer("Answer: B", ORGANS, reasoning_open=True).status == "truncated"


@pytest.mark.parametrize("shift", range(10))
def test_shuffling_labels_moves_the_choice_and_nothing_else(shift: int) -> None:
    options = TEN[shift:] + TEN[:shift]
    index = options.index("Radon")
    for text in (
        f"Answer: {'ABCDEFGHIJ'[index]}",
        f"The answer is ({'ABCDEFGHIJ'[index]}) Radon",
        "It is radon.",
    ):
        assert read_answer(text, options).choice == index


def test_an_unreadable_reply_never_becomes_the_first_option() -> None:
    noise = ("...", "???", "Hmm, a hard one. I wonder.", "A.B.C.D.", "N/A", "the the the")
    readings = [read_answer(text, TEN) for text in noise]
    assert [reading.choice for reading in readings] == [None] * len(readings)


def test_unknown_finish_reason_or_option_count_is_refused() -> None:
    assert sorted(FINISH_REASONS) == ["length", "stop"]
    with pytest.raises(MedevalError, match="finish_reason 'error'"):
        read_answer("Answer: A", ORGANS, finish_reason="error")
    for options in (("Spleen",), tuple(str(i) for i in range(11))):
        with pytest.raises(MedevalError, match="expected 2 to 10"):
            read_answer("Answer: A", options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>x</think>Answer: B", ("x", "Answer: B", False)),
        ("<think>x</think>one<think>y</think>Answer: B", ("x\ny", "one\nAnswer: B", False)),
        ("<think>Answer: A", ("Answer: A", "", True)),
        ("<think>x</think>one<think>Answer: A", ("x\nAnswer: A", "one", True)),
        ("x, so A</think>Answer: B", ("x, so A", "Answer: B", False)),  # the template opened the block
        ("<think>\n\n</think>\n\nAnswer: B", ("", "Answer: B", False)),
        ("Answer: B", (None, "Answer: B", False)),
        ("", (None, "", False)),
    ],
)
def test_reasoning_is_separated(text: str, expected: tuple[str | None, str, bool]) -> None:
    assert split_reasoning(text, "<think>", "</think>") == expected


def test_delimiters_are_data() -> None:
    # ollama 15754: MedGemma 1.5 marks its thoughts so
    assert split_reasoning("<unused94>thought\nA?<unused95>Answer: B", "<unused94>", "<unused95>") == (
        "thought\nA?",
        "Answer: B",
        False,
    )
    with pytest.raises(MedevalError, match="delimiters"):
        split_reasoning("x", "", "</think>")


def test_folding_keeps_meaningful_greek_letters() -> None:
    assert fold_lookalikes("43-уеаr-old mаn") == "43-year-old man"
    assert fold_lookalikes("α and µ") == "α and μ"


def test_only_the_end_of_a_very_long_reply_is_searched_for_other_forms() -> None:
    options = ["Liver", "Heart", "Lung", "Skin"]
    early = "The answer is B. " + "Some words follow here. " * 400
    assert read_answer(early, options).choice is None
    assert read_answer(early + " The answer is C.", options).choice == 2
    assert read_answer("Answer: B\n" + "Some words follow here. " * 400, options).choice == 1


def test_halves_of_surrogate_pairs_are_no_obstacle() -> None:
    reading = read_answer("Broken \ud83d here. The answer is (B).", ("Spleen", "Liver", "Kidney"))
    assert (reading.status, reading.choice) == ("answered", 1)
