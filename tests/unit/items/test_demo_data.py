"""The embedded demo rows keep the properties that the demo run and its checks rely on.

Column names are those of the benchmarks' own files; they are written out here so that the test needs none of them.
Only `config/demo/` is read, with `json` and `csv`.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

DEMO = Path(__file__).resolve().parents[3] / "config" / "demo"
LETTERS = "ABCDEFGHIJ"
RUN_LENGTH = 8
"""Words in a shared run that count as an overlap."""

Row = dict[str, Any]

MMLU_SUBJECTS = [
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "medical_genetics",
    "professional_medicine",
]
MMLU_FILES = [f"mmlu_health/{subject}.jsonl" for subject in MMLU_SUBJECTS]
HEALTHBENCH_THEMES = {
    "emergency_referrals",
    "context_seeking",
    "global_health",
    "health_data_tasks",
    "communication",
    "hedging",
    "complex_responses",
}
MMLU_COLUMNS = {"question", "subject", "choices", "answer"}
COLUMNS: dict[str, set[str]] = {
    "medqa/phrases_no_exclude_test.jsonl": {
        "question", "answer", "options", "meta_info", "answer_idx", "metamap_phrases",
    },
    "medmcqa/validation.hub.jsonl": {
        "id", "question", "opa", "opb", "opc", "opd", "cop", "choice_type", "exp", "subject_name", "topic_name",
    },
    "pubmedqa/pqa_labeled.jsonl": {"pubid", "question", "context", "long_answer", "final_decision"},
    "mmlu_pro_health/test.jsonl": {
        "question_id", "question", "options", "answer", "answer_index", "cot_content", "category", "src",
    },
    "medxpertqa/Text-test.jsonl": {
        "id", "question", "options", "label", "medical_task", "body_system", "question_type",
    },
    "healthbench/oss_eval.demo.jsonl": {
        "example_tags", "ideal_completions_data", "prompt", "prompt_id", "rubrics", "canary",
    },
    "healthbench/meta.demo.jsonl": {
        "prompt", "completion", "rubric", "category", "binary_labels", "anonymized_physician_ids",
        "prompt_id", "completion_id", "canary",
    },
    "corpus.jsonl": {"id", "text"},
    **dict.fromkeys(MMLU_FILES, MMLU_COLUMNS),
}  # fmt: skip
ROWS: dict[str, int] = {
    "medqa/phrases_no_exclude_test.jsonl": 24,
    "medmcqa/validation.hub.jsonl": 24,
    "pubmedqa/pqa_labeled.jsonl": 20,
    "mmlu_pro_health/test.jsonl": 20,
    "medxpertqa/Text-test.jsonl": 18,
    "healthbench/oss_eval.demo.jsonl": 16,
    "healthbench/meta.demo.jsonl": 82,
    "corpus.jsonl": 40,
    **dict.fromkeys(MMLU_FILES, 5),
}
AFRIMEDQA_COLUMNS = [
    "sample_id", "split", "gender", "discipline", "clinical_experience", "country", "question_type",
    "prompt", "question", "question_clean", "answer_options", "correct_answer", "answer_rationale",
    "specialty", "region_specific", "mentions_Africa", "mentions_age", "mentions_gender", "tier",
    "neg_percent", "quality", "rated_african", "rated_correct", "rated_omission", "rated_hallucination",
    "rated_reasonable", "rated_harmful", "rated_bias", "version", "requires_african_expertise",
]  # fmt: skip
AFRIMEDQA_ROWS = 20


def read_jsonl(name: str) -> list[Row]:
    """Rows of one JSON-lines file under `config/demo/`."""
    return [json.loads(line) for line in (DEMO / name).read_text(encoding="utf-8").splitlines()]


def read_afrimedqa() -> list[dict[str, str]]:
    """Rows of the AfriMed-QA demo file, every cell as text."""
    with (DEMO / "afrimedqa/expert.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def mmlu_rows() -> list[Row]:
    """Rows of the six MMLU subjects, in the order of the subjects."""
    return [row for name in MMLU_FILES for row in read_jsonl(name)]


def afrimedqa_options(row: Mapping[str, str]) -> dict[str, str]:
    """Option texts of one AfriMed-QA row by their key (`option1`, ...)."""
    options: dict[str, str] = json.loads(row["answer_options"])
    return options


def medxpertqa_stem(row: Row) -> str:
    """Question of a MedXpertQA row without the options that its text repeats."""
    return str(row["question"]).split("\nAnswer Choices:")[0]


def multiple_choice() -> list[tuple[str, list[str], str]]:
    """(question, options, gold text or texts joined by `|`) of every multiple-choice demo row."""
    items: list[tuple[str, list[str], str]] = []
    for row in read_jsonl("medqa/phrases_no_exclude_test.jsonl"):
        items.append((row["question"], list(row["options"].values()), row["options"][row["answer_idx"]]))
    for row in read_jsonl("medmcqa/validation.hub.jsonl"):
        options = [row[f"op{letter}"] for letter in "abcd"]
        items.append((row["question"], options, options[row["cop"]]))
    for row in mmlu_rows():
        items.append((row["question"], row["choices"], row["choices"][row["answer"]]))
    for row in read_jsonl("mmlu_pro_health/test.jsonl"):
        items.append((row["question"], row["options"], row["options"][row["answer_index"]]))
    for row in read_jsonl("medxpertqa/Text-test.jsonl"):
        items.append((medxpertqa_stem(row), list(row["options"].values()), row["options"][row["label"]]))
    for cells in read_afrimedqa():
        texts = afrimedqa_options(cells)
        gold = "|".join(texts[key] for key in cells["correct_answer"].split(","))
        items.append((cells["question"], list(texts.values()), gold))
    return items


def demo_items() -> dict[str, str]:
    """All text of every demo row that a model sees or is scored on, by the row's question (or prompt id)."""
    items = {question: " ".join([question, *options]) for question, options, _ in multiple_choice()}
    for row in read_jsonl("pubmedqa/pqa_labeled.jsonl"):
        items[row["question"]] = " ".join([row["question"], *row["context"]["contexts"], row["long_answer"]])
    for row in read_jsonl("healthbench/oss_eval.demo.jsonl"):
        ideal = (row["ideal_completions_data"] or {"ideal_completion": ""})["ideal_completion"]
        turns = [turn["content"] for turn in row["prompt"]]
        items[row["prompt_id"]] = " ".join([*turns, *(rubric["criterion"] for rubric in row["rubrics"]), ideal])
    for row in read_jsonl("healthbench/meta.demo.jsonl"):
        items[row["completion_id"]] = row["completion"]
    return items


def words(text: str) -> list[str]:
    """Lower-case words of a text, without punctuation."""
    return re.findall(r"\w+", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    """All runs of `RUN_LENGTH` successive words."""
    tokens = words(text)
    return {tuple(tokens[i : i + RUN_LENGTH]) for i in range(len(tokens) - RUN_LENGTH + 1)}


def spread(values: Iterable[Any]) -> int:
    """Difference between the most and the least frequent value."""
    counts = Counter(values).values()
    return max(counts) - min(counts)


def overlapping_items(text: str) -> set[str]:
    """Keys of the demo items that share a run of words with a text."""
    found = runs(text)
    return {key for key, item in demo_items().items() if found & runs(item)}


def documents() -> dict[str, str]:
    """Texts of the demo corpus by document id."""
    return {row["id"]: row["text"] for row in read_jsonl("corpus.jsonl")}


def calibration_paragraphs() -> list[str]:
    """Paragraphs of the calibration text."""
    return (DEMO / "calibration.txt").read_text(encoding="utf-8").strip().split("\n\n")


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_file_has_the_columns_and_row_count_of_its_schema(name: str) -> None:
    rows = read_jsonl(name)
    assert len(rows) == ROWS[name]
    assert all(set(row) == COLUMNS[name] for row in rows)


def test_afrimedqa_has_the_thirty_canonical_columns_in_order() -> None:
    rows = read_afrimedqa()
    assert len(rows) == AFRIMEDQA_ROWS
    assert len(AFRIMEDQA_COLUMNS) == 30
    assert all(list(row) == AFRIMEDQA_COLUMNS for row in rows)
    assert {(row["tier"], row["question_type"]) for row in rows} == {("expert", "mcq")}


def test_no_question_occurs_twice_in_any_benchmark() -> None:
    questions = [" ".join(words(question)) for question, _, _ in multiple_choice()]
    questions += [" ".join(words(row["question"])) for row in read_jsonl("pubmedqa/pqa_labeled.jsonl")]
    for row in read_jsonl("healthbench/oss_eval.demo.jsonl"):
        questions.append(" ".join(words(row["prompt"][-1]["content"])))
    assert [text for text, count in Counter(questions).items() if count > 1] == []


def test_options_of_a_row_are_distinct_and_of_similar_length() -> None:
    for question, options, _ in multiple_choice():
        assert len({option.casefold().strip() for option in options}) == len(options), question
        assert all(option == option.strip() and option for option in options), question
        # A gold option that is by far the longest or the shortest can be picked without reading the question.
        assert max(map(len, options)) - min(map(len, options)) <= 20, question


def test_gold_text_is_rarely_the_longest_option() -> None:
    items = [(options, gold) for _, options, gold in multiple_choice() if "|" not in gold]
    longest = sum(len(gold) > max(len(o) for o in options if o != gold) for options, gold in items)
    assert longest <= len(items) / 2


def test_medqa_gold_is_valid_and_balanced() -> None:
    rows = read_jsonl("medqa/phrases_no_exclude_test.jsonl")
    assert all(list(row["options"]) == list("ABCD") for row in rows)
    assert all(row["options"][row["answer_idx"]] == row["answer"] for row in rows)
    assert {row["meta_info"] for row in rows} == {"step1", "step2&3"}
    assert spread(row["answer_idx"] for row in rows) == 0


def test_medmcqa_counts_gold_from_zero_and_covers_many_subjects() -> None:
    rows = read_jsonl("medmcqa/validation.hub.jsonl")
    assert Counter(row["cop"] for row in rows) == dict.fromkeys(range(4), 6)
    assert len({row["subject_name"] for row in rows}) >= 8
    assert len({row["id"] for row in rows}) == len(rows)
    assert {row["choice_type"] for row in rows} == {"single", "multi"}
    assert any(row["exp"] is None for row in rows) and any(row["topic_name"] is None for row in rows)


def test_mmlu_gold_is_balanced_over_the_six_subjects() -> None:
    rows = mmlu_rows()
    assert all(len(row["choices"]) == 4 for row in rows)
    assert set(Counter(row["answer"] for row in rows)) == set(range(4))
    assert spread(row["answer"] for row in rows) <= 1
    for subject, name in zip(MMLU_SUBJECTS, MMLU_FILES, strict=True):
        assert {row["subject"] for row in read_jsonl(name)} == {subject}


def test_mmlu_pro_letter_and_index_agree_for_three_to_ten_options() -> None:
    rows = read_jsonl("mmlu_pro_health/test.jsonl")
    assert all(LETTERS[row["answer_index"]] == row["answer"] for row in rows)
    assert {len(row["options"]) for row in rows} == set(range(3, 11))
    assert Counter(row["answer"] for row in rows) == dict.fromkeys(LETTERS, 2)
    assert {(row["category"], row["cot_content"]) for row in rows} == {("health", "")}
    assert len({row["question_id"] for row in rows}) == len(rows)


def test_medxpertqa_question_repeats_its_options_in_the_source_style() -> None:
    rows = read_jsonl("medxpertqa/Text-test.jsonl")
    for row in rows:
        assert list(row["options"]) == list(LETTERS)
        listed = " ".join(f"({letter}) {text}" for letter, text in row["options"].items())
        assert row["question"] == f"{medxpertqa_stem(row)}\nAnswer Choices: {listed}"
    assert {row["label"] for row in rows} == set(LETTERS)
    assert spread(row["label"] for row in rows) <= 1
    assert [row["id"] for row in rows] == [f"Demo-{i}" for i in range(len(rows))]


def test_afrimedqa_gold_names_existing_options_and_three_rows_have_several() -> None:
    rows = read_afrimedqa()
    golds = [row["correct_answer"].split(",") for row in rows]
    for row, gold in zip(rows, golds, strict=True):
        assert set(gold) <= set(afrimedqa_options(row)) and len(set(gold)) == len(gold)
        assert len(afrimedqa_options(row)) in (4, 5)
    assert sum(len(gold) > 1 for gold in golds) == 3
    assert spread(gold[0] for gold in golds if len(gold) == 1) <= 1
    assert len({row["country"] for row in rows}) >= 8
    assert len({row["sample_id"] for row in rows}) == len(rows)


def test_pubmedqa_decisions_and_context_are_complete() -> None:
    rows = read_jsonl("pubmedqa/pqa_labeled.jsonl")
    assert Counter(row["final_decision"] for row in rows) == {"yes": 9, "no": 7, "maybe": 4}
    assert [row["pubid"] for row in rows] == list(range(900_000_001, 900_000_021))
    for row in rows:
        context = row["context"]
        assert set(context) == {
            "contexts",
            "labels",
            "meshes",
            "reasoning_required_pred",
            "reasoning_free_pred",
        }
        assert len(context["contexts"]) == len(context["labels"]) and context["meshes"]
        # The hub stores these labels as a list of single characters.
        assert "".join(context["reasoning_required_pred"]) == row["final_decision"]
        assert "".join(context["reasoning_free_pred"]) == row["final_decision"]
        assert not runs(row["long_answer"]) & runs(" ".join(context["contexts"])), row["pubid"]


def test_healthbench_covers_all_themes_and_ends_with_the_user() -> None:
    rows = read_jsonl("healthbench/oss_eval.demo.jsonl")
    themes = {tag.removeprefix("theme:") for row in rows for tag in row["example_tags"] if tag.startswith("theme:")}
    assert themes == HEALTHBENCH_THEMES
    assert [row["prompt_id"] for row in rows] == [f"demo-{i:04d}" for i in range(1, len(rows) + 1)]
    for row in rows:
        roles = [turn["role"] for turn in row["prompt"]]
        assert roles in (["user"], ["user", "assistant", "user"]), row["prompt_id"]
        assert row["canary"].startswith("medeval-demo-canary:")
    assert {row["ideal_completions_data"] is None for row in rows} == {True, False}


def test_healthbench_rubrics_have_positive_and_negative_points_and_full_tags() -> None:
    for row in read_jsonl("healthbench/oss_eval.demo.jsonl"):
        points = [rubric["points"] for rubric in row["rubrics"]]
        assert 3 <= len(points) <= 6 and 0 not in points
        assert min(points) < 0 < max(points), row["prompt_id"]
        for rubric in row["rubrics"]:
            kinds = [tag.split(":")[0] for tag in rubric["tags"]]
            expected = ["level", "cluster", "axis"] if "level:cluster" in rubric["tags"] else ["level", "axis"]
            assert kinds == expected, row["prompt_id"]


def test_healthbench_meta_rows_quote_a_demo_conversation_and_its_criterion() -> None:
    source = {row["prompt_id"]: row for row in read_jsonl("healthbench/oss_eval.demo.jsonl")}
    rows = read_jsonl("healthbench/meta.demo.jsonl")
    for row in rows:
        original = source[row["prompt_id"]]
        assert row["prompt"] == original["prompt"]
        criteria = {rubric["criterion"]: rubric["tags"] for rubric in original["rubrics"]}
        assert row["category"] in criteria[row["rubric"]]
        assert len(row["binary_labels"]) == len(row["anonymized_physician_ids"]) in (2, 3)
        assert all(isinstance(label, bool) for label in row["binary_labels"])
    # Agreement per category needs both classes in each, and at least one disagreement overall.
    for category in {row["category"] for row in rows}:
        labels = {label for row in rows if row["category"] == category for label in row["binary_labels"]}
        assert labels == {True, False}, category
    assert any(len(set(row["binary_labels"])) == 2 for row in rows)


def test_planted_documents_contain_their_row_and_touch_no_other() -> None:
    texts = documents()
    medqa = [row for row in read_jsonl("medqa/phrases_no_exclude_test.jsonl") if row["question"] in texts["planted-1"]]
    stems = [medxpertqa_stem(row) for row in read_jsonl("medxpertqa/Text-test.jsonl")]
    stems = [stem for stem in stems if stem in texts["planted-2"]]
    assert len(medqa) == 1 and len(stems) == 1
    assert all(option in texts["planted-1"] for option in medqa[0]["options"].values())
    assert overlapping_items(texts["planted-1"]) == {medqa[0]["question"]}
    assert overlapping_items(texts["planted-2"]) == {stems[0]}


def test_other_prose_shares_no_run_of_eight_words_with_any_row() -> None:
    clean = [text for name, text in documents().items() if not name.startswith("planted-")]
    assert len(clean) == ROWS["corpus.jsonl"] - 2
    assert overlapping_items("\n".join(clean)) == set()
    assert overlapping_items("\n".join(calibration_paragraphs())) == set()


def test_prose_has_the_stated_size_and_no_repeats() -> None:
    texts = list(documents().values())
    assert all(60 <= len(text.split()) <= 150 for text in texts)
    paragraphs = calibration_paragraphs()
    assert 60 <= len(paragraphs) <= 80
    assert len(set(texts + paragraphs)) == len(texts) + len(paragraphs)


def test_every_demo_file_is_plain_text_that_git_can_show() -> None:
    for path in sorted(p for p in DEMO.rglob("*") if p.is_file()):
        text = path.read_bytes()
        assert b"\r" not in text and b"\0" not in text and text.endswith(b"\n"), path
        assert text.decode("utf-8"), path
