"""No reply takes the reader long: loops, nests and near misses of every pattern."""

import time

import pytest

from medeval.answers.reading import read_answer

OPTIONS = ("Spleen", "Liver", "Kidney", "Heart")
CHARACTERS = 200_000
# Each could make a pattern go back over what it has read.
UNITS = (
    *(
        "\n",
        " ",
        "\t",
        "\r\n",
        "\n> ",
        " \n",
        "a\n\n\n ",
        "...",
        "(",
        "((A",
        "[",
        "[[",
        "{",
        "<",
        "<b",
        "**",
        "__",
        "$",
        "~~",
        "`",
    ),
    *(
        "A",
        "A ",
        "A A A ",
        "A, ",
        "A/",
        "A and ",
        "A or B or ",
        "A (",
        "A)",
        "(A)(B)(C)",
        "A.A.A.",
        "**A** ",
        "✅ A\n",
        "I ",
        "a ",
    ),
    *(
        "Answer:",
        "Answer: \n",
        "Answer: A\n",
        "answer is ",
        "answer is answer is ",
        "the answer to ",
        "the answer is not ",
    ),
    *(
        "answer: the answer: ",
        "final answer\n",
        "option ",
        "option 1",
        "the first option ",
        "if the answer is B, ",
        "not ",
    ),
    *("wait, ", "actually ", "correct ", "incorrect A. ", "yes ", "yes/", "yes or no ", "no, ", "none of the above "),
    *(
        "\\boxed{",
        "\\boxed{A}",
        "\\text{",
        "\\",
        "<answer>",
        "[answer]",
        '{"answer": [',
        '"answer": ',
        "'answer' : '",
        '"A": ',
    ),
    *(
        "Question: x\n",
        "Q 1 * ",
        "\n#",
        "\nQuestion\n# ",
        "</s>",
        "<|im_end|>",
        "User:",
        "I cannot ",
        "I can't provide ",
        "sorry I ",
    ),
    *(
        "As an AI ",
        "答案是",
        "选",
        "。",
        "la respuesta ",
        "Spleen ",
        "Spleen Liver ",
        "A. Spleen\n",
        "(A) Spleen (B) ",
        "1. Spleen ",
    ),
    *("é", "\u200b", "İ", "𝐀", "ﬁ", "А"),
)


def _seconds(text: str) -> float:
    return min(_once(text) for _ in range(2))


def _once(text: str) -> float:
    started = time.process_time()
    read_answer(text, OPTIONS)
    return time.process_time() - started


@pytest.mark.parametrize("unit", UNITS)
def test_a_reply_in_a_loop_is_read_in_time_that_grows_with_its_length(unit: str) -> None:
    """200,000 characters take a quarter of a second at most, where a quadratic pattern takes minutes.

    Lm-eval and MedGemma users met such replies: a model that repeats itself until its token limit.
    """
    assert _seconds(unit * (CHARACTERS // len(unit))) < 2


@pytest.mark.parametrize("unit", ["the murmur is late and harsh. ", "A. ", "Answer: A. ", "so the answer, if any, is "])
def test_four_times_the_text_takes_at_most_about_four_times_as_long(unit: str) -> None:
    short, long = (_seconds(unit * (size // len(unit))) for size in (CHARACTERS // 4, CHARACTERS))
    assert long < 12 * short + 0.005
