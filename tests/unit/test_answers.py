"""The reader of answers against a golden table: every form and trap met in real outputs, in own words.

Expected readings are set by hand from the rule, never by running the reader. Where a row guards against a
failure that another harness had, a comment names the public report (project and number).
"""

import pytest

from medeval.answers.reading import FINISH_REASONS, Reading, read_answer
from medeval.answers.reasoning import split_reasoning
from medeval.errors import MedevalError
from medeval.homoglyphs import fold_lookalikes

ORGANS = ("Spleen", "Liver", "Kidney", "Heart")
TEN = ("Iron", "Zinc", "Lead", "Gold", "Neon", "Argon", "Boron", "Radon", "Tin", "Copper")
VERDICTS = ("yes", "no", "maybe")
CELLS = ("T cells", "Platelets", "Mast cells", "B cells")
HEPATITIS = ("Hepatitis A", "Hepatitis B", "Hepatitis", "Hepatitis C")
LETTERS = ("C", "A", "D", "B")
SAME_LETTERS = ("A", "B", "C", "D")
PAIRS = ("ac", "bd", "abc", "d")
NUMBERS = ("2", "20", "200", "0.2")
NUMBERED = ("1. Spleen", "2. Liver", "3. Kidney", "4. Heart")
BUGS = ("Staphylococcus aureus", "Clostridium difficile", "E. coli", "Salmonella", "Shigella")
ABOVE = ("Spleen", "Liver", "Both A and B", "None of the above")
GENES = ("BB", "Bb", "bb", "bB")
TWINS = ("Liver", "Spleen", "Liver", "Heart")
LISTED = "A. Spleen\nB. Liver\nC. Kidney\nD. Heart"
INLINE = "(A) Spleen (B) Liver (C) Kidney (D) Heart"

S, L, C = "strict", "lenient", "content"
AMBIGUOUS, NONE = "ambiguous", "no_answer"

# text, options, index or status, stage
GOLDEN = [
    # the requested form
    ("Answer: B", ORGANS, 1, S),
    ("Because of the bile.\nAnswer: B", ORGANS, 1, S),
    ("Answer: A\nNo, that was rash.\nAnswer: C", ORGANS, 2, S),
    ("Text.\n  Answer: D.  \n", ORGANS, 3, S),
    ("Text.\r\nAnswer: B\r\n", ORGANS, 1, S),
    ("The answer is (A).\nAnswer: C", ORGANS, 2, S),
    ("Answer: J", TEN, 9, S),
    ("Answer: I", TEN, 8, S),
    ("Answer: С", ORGANS, 2, S),  # Cyrillic es
    ("Answer: В", ORGANS, 1, S),  # Cyrillic ve
    ("Answer： Ｄ", ORGANS, 3, S),  # full-width colon and letter
    ("Answer: A", LETTERS, AMBIGUOUS, S),  # label of the first, text of the second option
    ("Answer: B", SAME_LETTERS, 1, S),
    ("Answer: C", PAIRS, 2, S),
    ("Answer: C", VERDICTS, 2, S),
    # labels that do not exist
    ("Answer: E", ORGANS, NONE, "none"),
    ("The spleen filters blood.\nAnswer: E", ORGANS, NONE, "none"),
    ("I end with a line of the form Answer: X", ORGANS, NONE, "none"),
    ("The answer is none of these; the spleen was tempting.", ORGANS, NONE, "none"),
    ("The answer is none of the above.", ABOVE, 3, C),
    # stated in other words
    ("The answer is (C).", ORGANS, 2, L),  # lm-eval 2237
    ("So the answer is C", ORGANS, 2, L),
    ("the correct answer is b.", ORGANS, 1, L),
    ("Final answer: H", TEN, 7, L),
    ("**Answer: B**", ORGANS, 1, L),
    ("**Answer:** B", ORGANS, 1, L),
    ("ANSWER: (d)", ORGANS, 3, L),
    ("Answer: B. Liver", ORGANS, 1, L),
    ("Answer: B) Liver", ORGANS, 1, L),
    ("Answer: [B]", ORGANS, 1, L),
    ("Answer:\n\nB", ORGANS, 1, L),
    ("The answer is B, not C.", ORGANS, 1, L),
    ("The answer is B because bile is made there.", ORGANS, 1, L),
    ("The answer is B - the largest gland.", ORGANS, 1, L),
    ("among A through C, the answer is C) maybe", VERDICTS, 2, L),
    ("(A) lead (B) tin (H) radon all fit; the best single answer is: A", TEN, 0, L),
    ("The best option is: D", ORGANS, 3, L),
    ("I would choose option B.", ORGANS, 1, L),
    ("We therefore select (C).", ORGANS, 2, L),
    ("Considering all this, B is the correct answer.", ORGANS, 1, L),
    ("Option C is correct.", ORGANS, 2, L),
    ("The most likely organ is:\n\n(C) Kidney\n\nIt makes urine.", ORGANS, 2, L),
    ("### Final Response\n\nAll told, this is best explained by option E.", TEN, 4, L),
    ("<answer>B</answer>", ORGANS, 1, L),
    ("The correct answer is the kidney (C).", ORGANS, 2, L),
    ("The answer is B. C is wrong since urine is not made there.", ORGANS, 1, L),
    ("The answer is F.", TEN, 5, L),
    # boxed, bold, JSON
    (r"\boxed{B}", ORGANS, 1, L),
    (r"Thus $\boxed{\text{(C)}}$.", ORGANS, 2, L),
    (r"The answer is: $\boxed{\mathrm{D}}$", ORGANS, 3, L),
    (r"\boxed{Liver}", ORGANS, 1, C),
    ("I weighed all of them.\n\n**C**\n\nIt filters blood.", ORGANS, 2, L),
    ("It is **(B) Liver** that makes bile.", ORGANS, 1, L),
    ("**B** is incorrect.", ORGANS, NONE, "none"),
    ("**A. Spleen**: no\n**B. Liver**: no\n**C. Kidney**: perhaps\n**D. Heart**: no", ORGANS, AMBIGUOUS, C),
    ('{"reason": "bile", "answer": "B"}', ORGANS, 1, L),
    ('{"answer_choice": "C. Kidney"}', ORGANS, 2, L),
    ('{"step": 1 "answer_choice": "D"}', ORGANS, 3, L),  # the comma before the key is missing
    ('{"answer": ["B"]}', ORGANS, 1, L),
    ('{"answer": "A"}\n{"answer": "B"}', ORGANS, AMBIGUOUS, L),
    ('{"answer": "B"}\n{"answer": "B"}', ORGANS, 1, L),
    ('{"answer_choice": "A/B"}', ORGANS, AMBIGUOUS, L),
    ('{"answer_choice": ""}', ORGANS, NONE, "none"),
    ('{"answer": null}', ORGANS, NONE, "none"),
    ('{"answer": []}', ORGANS, NONE, "none"),
    ('{"step": "weigh the", ', ORGANS, NONE, "none"),
    # a line that is a label
    ("B", ORGANS, 1, L),
    (" c ", ORGANS, 2, L),
    ("(D)", ORGANS, 3, L),
    ("B.", ORGANS, 1, L),
    ("B. Liver\n\nIt makes bile.", ORGANS, 1, L),
    ("It has one function.\n\n(G) Boron", TEN, 6, L),
    ("It bends the nail.\n**(E) Neon**", TEN, 4, L),
    ("Ⓑ", ORGANS, 1, L),
    (" C\n\nQuestion: Which is red?\nA. Rose\nB. Sky\nAnswer: B", ORGANS, 2, L),  # a base model runs on
    ("Question: Which makes bile?\nThe liver.\nAnswer: B", ORGANS, 1, S),  # restated, not run on
    # several at once
    ("Answer: A/B", ORGANS, AMBIGUOUS, L),
    ("The answer is A and C.", ORGANS, AMBIGUOUS, L),
    ("The answer is either B or D.", ORGANS, AMBIGUOUS, L),
    ("The correct answers are A, B, and D.", ORGANS, AMBIGUOUS, L),
    ("The answer is A.\nOn reflection, the answer is B.", ORGANS, AMBIGUOUS, L),
    (r"The answer is A. \boxed{B}", ORGANS, AMBIGUOUS, L),
    ("Answer: B. Kidney", ORGANS, AMBIGUOUS, L),  # label and text disagree
    ("Answer: Both A and B", ABOVE, 2, C),
    # letters that are not labels
    ("A 62-year-old man is likely to be well.", ORGANS, NONE, "none"),
    ("The answer is a matter of debate.", ORGANS, NONE, "none"),
    ("Answer: A patient of this age needs rest.", ORGANS, NONE, "none"),
    ("Answer: Let's think.", ORGANS, NONE, "none"),  # opencompass 1933
    ("Answer: Because of bile.", ORGANS, NONE, "none"),
    ("I computed it and I am sure.", TEN, NONE, "none"),  # omlx 3668
    ("Answer: I think so.", TEN, NONE, "none"),
    ("Answer: I, for one, am unsure.", TEN, NONE, "none"),
    ("Vitamin D is the most likely deficiency.", ORGANS, NONE, "none"),
    ("Give vitamin C and check hepatitis B.", ORGANS, NONE, "none"),
    ("Answer: D-dimer testing", ORGANS, NONE, "none"),
    ("not B", ORGANS, NONE, "none"),
    ("The answer is not B.", ORGANS, NONE, "none"),
    ("B is incorrect.", ORGANS, NONE, "none"),
    ("The incorrect answer is B.", ORGANS, NONE, "none"),
    ("If the answer is B, bile would be low.", ORGANS, NONE, "none"),
    ("Let us look at each option:\n\n(A) Spleen: too small.", ORGANS, 0, C),
    # restated lists
    (LISTED, ORGANS, NONE, "none"),
    (INLINE, ORGANS, NONE, "none"),
    (f"Options:\n{LISTED}\n\nI do not know.", ORGANS, NONE, "none"),
    (f"{LISTED}\n\nB. Liver", ORGANS, 1, L),
    (f"Answer Choices: {INLINE}\nThe answer is (D).", ORGANS, 3, L),
    ("1. Spleen\n2. Liver\n3. Kidney\n4. Heart\n\nThe answer is 2.", ORGANS, 1, L),
    # numbers
    ("The answer is (2).", NUMBERED, 1, L),
    ("Answer: 3", NUMBERED, 2, L),
    ("Answer: 3", ORGANS, NONE, "none"),
    ("Answer: 2) Liver", ORGANS, 1, L),
    ("Answer: 20", NUMBERS, 1, C),
    ("Answer: 0.2", NUMBERS, 3, C),
    ('{"answer": 200}', NUMBERS, 2, C),
    # the text of an option
    ("It must be the liver.", ORGANS, 1, C),
    ("Answer: Kidney", ORGANS, 2, C),
    ("The answer is the kidney, since the liver makes no urine.", ORGANS, AMBIGUOUS, C),
    ("The liver is large. Answer: the heart", ORGANS, 3, C),
    ("Answer: B cells", CELLS, 3, C),
    ("Answer: E. coli", BUGS, 2, C),
    ("Answer: C. difficile", BUGS, NONE, "none"),
    ("Hepatitis B fits best.", HEPATITIS, 1, C),
    ("It is plain hepatitis.", HEPATITIS, 2, C),
    ("Either liver or spleen.", ORGANS, AMBIGUOUS, C),
    ("It is the liver, not the spleen.", ORGANS, 1, C),
    ("The spleen is incorrect.", ORGANS, NONE, "none"),
    ("Answer: liver", TWINS, AMBIGUOUS, C),
    ("The genotype is Bb.", GENES, 1, C),
    ("It is the liver. " + "Much more could be said here. " * 20, ORGANS, NONE, "none"),
    ("Тhe livеr.", ORGANS, 1, C),  # Cyrillic te and ie
    ("Answer: ac", PAIRS, 0, C),
    # yes, no, maybe (helm 4214)
    ("Yes.", VERDICTS, 0, C),
    ("**No**, it does not.", VERDICTS, 1, C),
    ("MAYBE!", VERDICTS, 2, C),
    ("Answer: yes", VERDICTS, 0, C),
    ("The data are thin. The answer is maybe.", VERDICTS, 2, C),
    ("No evidence of that was found, yet there may be some.", VERDICTS, NONE, "none"),
    ("There is no doubt about it.", VERDICTS, NONE, "none"),
    ("Yes, it does. The answer is no.", VERDICTS, AMBIGUOUS, C),
    # Chinese
    ("答案：C", ORGANS, 2, L),
    ("正确答案是（B）。", ORGANS, 1, L),
    ("因此选D。", ORGANS, 3, L),
    ("答案不是B", ORGANS, NONE, "none"),
    # refusals and silence
    ("I'm sorry, but I cannot provide medical advice.", ORGANS, "refused", "none"),
    ("I am unable to answer this.", ORGANS, "refused", "none"),
    ("I cannot be sure, but the answer is B.", ORGANS, 1, L),
    ("", ORGANS, NONE, "none"),
    (" \n ", ORGANS, NONE, "none"),
]


def _expected(outcome: int | str) -> tuple[int | None, str]:
    return (outcome, "answered") if isinstance(outcome, int) else (None, outcome)


def test_golden_table_is_as_long_as_promised() -> None:
    assert len(GOLDEN) >= 90
    assert len({(text, options) for text, options, _, _ in GOLDEN}) == len(GOLDEN)


@pytest.mark.parametrize(("text", "options", "outcome", "stage"), GOLDEN)
def test_reading_matches_the_golden_table(text: str, options: tuple[str, ...], outcome: int | str, stage: str) -> None:
    reading = read_answer(text, options)
    assert ((reading.choice, reading.status), reading.stage) == (_expected(outcome), stage)


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


@pytest.mark.parametrize("unit", ["\n", " ", "(", "**A** ", "Question: x\n", "the answer is\n", r"\boxed{", "A, "])
def test_a_reply_caught_in_a_loop_is_read_in_bounded_time(unit: str) -> None:
    # MedGemma loops are on record; a quadratic pattern would hang here for minutes
    assert read_answer(unit * 20_000, ORGANS).choice in (None, 0)


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
