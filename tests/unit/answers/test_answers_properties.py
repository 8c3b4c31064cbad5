"""What holds for every reply, whatever it says."""

import string

import pytest
from answers_golden import corpus, label, reading
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from medeval.answers.options import LABELS
from medeval.answers.reading import read_answer
from medeval.text.reasoning import split_reasoning

OPTIONS = ("Iron", "Zinc", "Lead", "Gold", "Neon", "Argon", "Boron", "Radon", "Tin", "Copper")
# Pieces of which replies are made, so that arbitrary texts come near the forms that are read.
PIECES = (
    *(
        "Answer:",
        "answer is",
        "the",
        "A",
        "B",
        "C",
        "I",
        "a",
        "(",
        ")",
        "**",
        "\\boxed{",
        "}",
        "{",
        '"answer":',
        '"',
        "'",
    ),
    *(
        "\n",
        " ",
        ".",
        ",",
        ":",
        "not",
        "no",
        "yes",
        "maybe",
        "if",
        "or",
        "and",
        "option",
        "choice",
        "iron",
        "Zinc",
        "lead",
    ),
    *(
        "<answer>",
        "</answer>",
        "<think>",
        "</think>",
        "wait",
        "Question:",
        "答案",
        "：",
        "è",
        "ß",
        "İ",
        "\u200b",
        "𝐀",
        "✅",
        "$",
    ),
    *("A. Iron", "B. Zinc", "C. Lead", "none of the above", "I cannot", "~~", "|", "- ", "#", "</s>", "1", "2.5", "%"),
)
texts = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join),
)
options = st.lists(st.one_of(st.sampled_from(OPTIONS), st.text(max_size=12)), min_size=2, max_size=10)
stated = st.sampled_from(
    [
        "Answer: {}",
        "The answer is ({}).",
        "So the correct option is {}.",
        "\\boxed{{{}}}",
        "It weighs much.\n\n**({})**",
        '{{"answer": "{}"}}',
        "<answer>{}</answer>",
        "({})",
        "答案：{}",
    ]
)
many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(text=texts, options=options, finish=st.sampled_from(["stop", "length"]), unfinished=st.booleans())
@example(text="İ" * 40 + "The answer is A", options=["x", "y"], finish="stop", unfinished=False)
@example(text="Answer: A", options=["", ""], finish="stop", unfinished=False)
def test_any_text_is_read_without_an_error(text: str, options: list[str], finish: str, unfinished: bool) -> None:
    found = read_answer(text, options, finish_reason=finish, reasoning_open=unfinished)
    assert (found.status == "answered") == (found.choice is not None)
    assert found.choice is None or 0 <= found.choice < len(options)
    assert (found.stage == "none") == (found.status in ("no_answer", "truncated", "refused"))
    if unfinished:
        assert (found.status, found.extracted) == ("truncated", None)
    if finish == "length":
        assert found.stage == "strict" or found.status == "truncated" or "Answer:" in text


@many
@given(order=st.permutations(range(10)), index=st.integers(0, 9), form=stated)
def test_a_stated_label_moves_with_its_option(order: list[int], index: int, form: str) -> None:
    shown = [OPTIONS[place] for place in order]
    found = read_answer(form.format(LABELS[order.index(index)]), shown)
    assert found.choice is not None
    assert shown[found.choice] == OPTIONS[index]


@many
@given(order=st.permutations(range(10)), index=st.integers(0, 9))
def test_a_named_option_is_read_wherever_it_stands(order: list[int], index: int) -> None:
    shown = [OPTIONS[place] for place in order]
    found = read_answer(f"It must be {OPTIONS[index].lower()}.", shown)
    assert (found.choice, found.stage) == (order.index(index), "content")


@many
@given(thought=texts, reply=texts)
def test_reasoning_in_front_changes_nothing(thought: str, reply: str) -> None:
    tags = ("<think>", "</think>")
    if any(tag in thought + reply for tag in tags):
        return
    _, visible, unfinished = split_reasoning(f"<think>{thought}</think>{reply}", *tags)
    assert not unfinished
    assert read_answer(visible, OPTIONS) == read_answer(reply.strip(), OPTIONS)


@many
@given(thought=texts)
def test_nothing_is_read_from_a_thought_that_goes_on(thought: str) -> None:
    if "</think>" in thought:
        return
    _, visible, unfinished = split_reasoning(f"<think>{thought}", "<think>", "</think>")
    assert read_answer(visible, OPTIONS, reasoning_open=unfinished).status == "truncated"


@pytest.mark.parametrize("after", ["\n", "  \n\n", "\r\n", "\u00a0", "\u200b", "\n\n\n\t"])
def test_white_space_after_a_reply_changes_nothing(after: str) -> None:
    rows = [row for row in corpus() if "reasoning" not in row]
    moved = [row["id"] for row in rows if reading({**row, "text": row["text"] + after}) != label(row)]
    assert not moved


@many
@given(
    label=st.sampled_from(LABELS), form=stated, mark=st.sampled_from(["**{}**", "__{}__", "`{}`", "<b>{}</b>", "${}$"])
)
def test_markup_around_a_label_changes_no_choice(label: str, form: str, mark: str) -> None:
    assert read_answer(form.format(mark.format(label)), OPTIONS).choice == LABELS.index(label)


@many
@given(words=st.lists(st.text(string.ascii_lowercase, min_size=2, max_size=9), min_size=1, max_size=30))
def test_words_that_name_nothing_choose_nothing(words: list[str]) -> None:
    known = {*(option.lower() for option in OPTIONS), *LABELS.lower(), "answer", "option", "choice"}
    text = " ".join(word for word in words if word not in known).capitalize() + "."
    assert read_answer(text, OPTIONS).choice is None


@many
@given(text=texts)
def test_no_letter_beyond_the_options_is_ever_chosen(text: str) -> None:
    found = read_answer(text, OPTIONS[:2])
    assert found.choice in (None, 0, 1)
