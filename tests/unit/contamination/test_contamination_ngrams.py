"""Corpus overlap: a worked pair, hand-counted cases, and items planted in a corpus."""

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from statsmodels.stats.proportion import proportion_confint
from tests.unit.contamination.contamination_files import corpus, items

from medeval.contamination.corpus import documents
from medeval.contamination.detectors import DETECTORS, Given
from medeval.contamination.document import RULES, Corpus, CorpusMatch, OverlapReport, TextOverlap, View
from medeval.contamination.ngrams import covered_words, longest_run, overlap
from medeval.contamination.scan import scan
from medeval.contamination.texts import gpt3_n
from medeval.errors import MedevalError
from medeval.records import tables
from medeval.text.words import WordHasher, ngram_hashes, normalise

A = "the patient presents with acute chest pain and dyspnea on exertion for two days"
B = "the patient presents with acute chest pain and dyspnea at rest for two days"


def hashes(text: str, n: int) -> np.ndarray:
    return ngram_hashes(WordHasher()(normalise(text)), n)


def first(result: OverlapReport, view: View = "question") -> TextOverlap:
    return result.items[0].views[view]


def sentence(seed: int, words: int = 30) -> str:
    """Return words that no other seed shares by chance."""
    rng = random.Random(seed)  # noqa: S311
    return " ".join("".join(rng.choices("abcdefghijklmnop", k=7)) for _ in range(words))


@pytest.mark.parametrize(("n", "jaccard"), [(1, 12 / 16), (3, 8 / 16), (5, 5 / 15), (8, 2 / 12)])  # counted by hand
def test_ngram_sets_of_the_worked_pair(n: int, jaccard: float) -> None:
    a, b = set(hashes(A, n).tolist()), set(hashes(B, n).tolist())
    assert len(a & b) / len(a | b) == pytest.approx(jaccard, abs=1e-12)


@pytest.mark.parametrize(("n", "coverage"), [(3, 0.857142857), (5, 0.642857143), (8, 0.642857143)])  # counted by hand
def test_coverage_and_longest_run_of_the_worked_pair(n: int, coverage: float) -> None:
    covered = covered_words(np.isin(hashes(B, n), hashes(A, n)), n)
    assert covered.mean() == pytest.approx(coverage, abs=1e-9)
    assert longest_run(covered) == 9


def test_worked_pair_through_the_whole_line(tmp_path: Path) -> None:
    found = first(overlap(items([B]), corpus(tmp_path, "something else entirely", A)))
    assert found.words == 14
    assert found.coverage == pytest.approx(0.642857143, abs=1e-9)
    assert found.longest_run == 9
    # two of the seven 8-grams occur: not 70 %; the benchmark's n is 13, and no 13-gram occurs
    assert (found.n, found.gpt3, found.palm) == (13, False, False)
    assert found.matches == (CorpusMatch("corpus.jsonl:2", offset=0, item_offset=0, words=9),)


@pytest.mark.parametrize(("lengths", "n"), [([3, 4, 5], 8), ([50] * 9, 13), ([10] * 10, 10), ([9.9] * 4, 9)])
def test_ngram_length_is_the_fifth_percentile_within_limits(lengths: list[int], n: int) -> None:
    assert gpt3_n(lengths) == n


def test_normalisation_folds_what_does_not_matter() -> None:
    assert normalise("The  PATIENT's “BP”:\n120/80—ﬁne.") == [
        "the",
        "patient",
        "s",
        "bp",
        "120",
        "80",
        "fine",
    ]
    assert normalise("43-уеаr-old mаn") == normalise("43-year-old man")  # Cyrillic letters
    assert normalise("Choose: A. amber (B) basalt c) coral") == ["choose", "amber", "basalt", "coral"]
    assert normalise("Ｆｕｌｌ　ｗｉｄｔｈ") == ["full", "width"]


def test_item_in_look_alike_letters_is_found(tmp_path: Path) -> None:
    plain = "a man of sixty comes to the office with cough and mild fever since one week"
    disguised = plain.replace("a", "а").replace("e", "е").replace("o", "о")
    assert disguised != plain
    assert first(overlap(items([disguised]), corpus(tmp_path, plain))).coverage == 1.0


def test_ngrams_do_not_run_from_one_document_into_the_next(tmp_path: Path) -> None:
    words = A.split()
    halves = corpus(tmp_path, " ".join(words[:7]), " ".join(words[7:]))
    assert first(overlap(items([A]), halves)).coverage == 0.0


def test_each_text_of_an_item_is_judged_by_itself(tmp_path: Path) -> None:
    question = sentence(1, 12)
    result = overlap(items([question]), corpus(tmp_path, f"x {question} coral y"))
    assert [first(result, view).coverage for view in ("question", "question_gold")] == [1.0, 1.0]
    assert first(result, "question_options").coverage == pytest.approx(12 / 16)
    assert first(result, "question_gold").longest_run == 13


def test_rules_differ_where_they_should(tmp_path: Path) -> None:
    # 20 words, n = 13, thirteen 8-grams; a copy of 13 words holds one 13-gram and six 8-grams: 6/13 < 70 %
    question = sentence(2, 20)
    found = first(overlap(items([question]), corpus(tmp_path, " ".join(question.split()[:13]))))
    assert (found.gpt3, found.palm) == (True, False)
    # 17 words hold ten of thirteen 8-grams: 77 %
    found = first(overlap(items([question]), corpus(tmp_path, " ".join(question.split()[:17]))))
    assert (found.gpt3, found.palm) == (True, True)


@pytest.mark.parametrize(("copies", "dirty"), [(10, True), (11, False)])
def test_gpt3_rule_ignores_what_stands_in_more_than_ten_documents(tmp_path: Path, copies: int, dirty: bool) -> None:
    question = sentence(3, 13)
    result = overlap(items([question]), corpus(tmp_path, *[question] * copies))
    assert first(result).gpt3 is dirty
    assert first(result).palm is True
    assert first(result).documents == 10


def test_repeats_within_a_document_count_once(tmp_path: Path) -> None:
    question = sentence(4, 13)
    result = overlap(items([question]), corpus(tmp_path, " ".join([question] * 20)))
    assert (first(result).gpt3, first(result).documents) == (True, 1)
    assert first(result).matches[0].offset == 0


def test_short_items_are_searched_for_as_a_whole_or_untestable(tmp_path: Path) -> None:
    asked = [
        "Which gland secretes the hormone melatonin?",
        "Which nerve supplies the deltoid muscle?",
        "Drug of choice?",
    ]
    text = "One is asked: which gland secretes the hormone melatonin? Drug of choice?"
    result = overlap(items(asked), corpus(tmp_path, text))
    assert [row.question.status for row in result.items] == ["whole", "untestable", "untestable"]
    assert [row.question.gpt3 for row in result.items] == [True, None, None]
    assert result.items[0].question.longest_run == 6
    summary = result.benchmarks["toy"].question.gpt3
    counts = {
        name: getattr(summary, name) for name in ("dirty", "tested", "whole", "untestable", "share", "low", "high")
    }
    assert counts == {
        "dirty": 1, "tested": 0, "whole": 1, "untestable": 2, "share": None, "low": None, "high": None
    }  # fmt: skip
    assert summary.share_of_all == pytest.approx(1 / 3)


def test_planted_items_are_found_and_no_others(tmp_path: Path) -> None:
    # 300 items, 40 planted in the middle of other text; expected interval from statsmodels
    questions = [sentence(100 + number) for number in range(300)]
    planted = random.Random(5).sample(range(300), 40)  # noqa: S311
    noise = [sentence(10_000 + number, 200) for number in range(50)]
    leaks = [f"{sentence(20_000 + i, 9)} {questions[i].upper()}! {sentence(30_000 + i, 9)}" for i in planted]
    result = overlap(items(questions), corpus(tmp_path, *noise, *leaks))
    dirty = [row.item_id for row in result.items if row.question.gpt3]
    assert dirty == [f"q{i}" for i in sorted(planted)]
    match = result.items[planted[0]].question.matches[0]
    assert match == CorpusMatch("corpus.jsonl:51", offset=9, item_offset=0, words=30)
    for rule in RULES:
        summary = result.benchmarks["toy"].question.rules[rule]
        assert (summary.dirty, summary.tested, summary.untestable) == (40, 300, 0)
        low, high = proportion_confint(40, 300, method="wilson")
        assert (summary.share, summary.low, summary.high) == pytest.approx((40 / 300, low, high))


TEMPLATE = "which one of the following statements about this patient is most likely to be correct"


@pytest.mark.parametrize(("number", "dirty"), [(200, 0), (199, 199)])
def test_shared_templates_are_ignored_when_there_are_items_enough_to_tell(
    tmp_path: Path, number: int, dirty: int
) -> None:
    questions = [f"{sentence(i, 10)} {TEMPLATE}" for i in range(number)]
    result = overlap(items(questions), corpus(tmp_path, f"A book says: {TEMPLATE}."))
    assert result.benchmarks["toy"].question.gpt3.dirty == dirty


def test_leaked_item_with_a_template_still_counts_as_fully_covered(tmp_path: Path) -> None:
    questions = [f"{sentence(i, 10)} {TEMPLATE}" for i in range(200)]
    found = first(overlap(items(questions), corpus(tmp_path, questions[0])))
    assert (found.coverage, found.palm, found.gpt3) == (1.0, True, True)


def test_batches_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [sentence(i, 20) for i in range(5)]
    path = corpus(tmp_path, *[sentence(50, 40), *questions] * 12, "", "one")
    whole = overlap(items(questions), path)
    monkeypatch.setattr("medeval.contamination.scan._BATCH_WORDS", 30)
    assert overlap(items(questions), path) == whole


def test_sightings_match_a_plain_search() -> None:
    # oracle: Python sets of word tuples over random text with a small vocabulary
    rng = random.Random(7)  # noqa: S311
    texts = [" ".join(rng.choices("abcd", k=rng.randrange(0, 40))) for _ in range(60)]
    wanted = [tuple(rng.choices("abcd", k=3)) for _ in range(20)]
    hasher = WordHasher()
    found = scan(
        ((str(i), text) for i, text in enumerate(texts)),
        {3: np.concatenate([ngram_hashes(hasher(list(w)), 3) for w in wanted])},
    )
    seen = found.sightings[3]
    for words in set(wanted):
        expected = sum(
            any(tuple(text.split()[i : i + 3]) == words for i in range(len(text.split()) - 2)) for text in texts
        )
        assert seen.documents[seen.find(ngram_hashes(hasher(list(words)), 3))[0]] == expected
    assert (found.documents, found.words) == (60, sum(len(text.split()) for text in texts))


def test_benchmarks_are_summed_up_apart(tmp_path: Path) -> None:
    both = pa.concat_tables([items([sentence(1)]), items([sentence(2)], benchmark="other")])
    result = overlap(both, corpus(tmp_path, sentence(2)))
    shares = {name: found.question.gpt3.share for name, found in result.benchmarks.items()}
    assert shares == {"toy": 0.0, "other": 1.0}


def test_plain_text_is_read_in_paragraphs(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("\none\ntwo\n\n\nthree\n", encoding="utf-8")
    assert list(documents(path)) == [("book.txt:2", "one\ntwo\n"), ("book.txt:6", "three\n")]


def test_compressed_files_and_folders_are_read(tmp_path: Path) -> None:
    corpus(tmp_path, "b", name="b.jsonl")
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write('{"text": "a"}\n\n{"text": "c"}\n')
    (tmp_path / "notes.pdf").write_bytes(b"\x00")
    assert list(documents(tmp_path)) == [("a.jsonl.gz:1", "a"), ("a.jsonl.gz:3", "c"), ("b.jsonl:1", "b")]


def test_several_corpora_are_one(tmp_path: Path) -> None:
    paths = [corpus(tmp_path, sentence(9), name="x.jsonl"), corpus(tmp_path, A, name="y.jsonl")]
    result = overlap(items([A]), paths)
    assert result.corpus == Corpus(("x.jsonl", "y.jsonl"), documents=2, words=44)
    assert first(result).matches[0].document == "y.jsonl:1"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.jsonl", b'{"text": "a"}\n{"body": "b"}\n', "line 2 has no text in 'text' .found: body"),
        ("c.jsonl", b'{"text": "a"}\nnot json\n', "line 2 is not JSON"),
        ("c.jsonl", b'{"text": null}\n', "line 1 has no text"),
        ("c.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("c.parquet", b"", "expected .jsonl"),
    ],
)
def test_unreadable_corpus_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MedevalError, match=message):
        overlap(items([A]), path)


def test_missing_corpus_or_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MedevalError, match="no such file"):
        overlap(items([A]), tmp_path / "absent.jsonl")
    with pytest.raises(MedevalError, match="no items"):
        overlap(items([]), corpus(tmp_path, A))


def test_the_report_is_json_and_names_its_inputs(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    tables.write(path, items([A, B, "short"]), tables.ITEMS, command="test")
    found = DETECTORS["overlap"].run(Given(path, (corpus(tmp_path, A),)))
    assert found.summary() == "toy: 2 of 3 questions dirty"
    assert sorted(found.inputs) == ["corpus.jsonl", "items.parquet"]
    found.write(tmp_path / "out" / "overlap.json")
    assert OverlapReport.read(tmp_path / "out" / "overlap.json") == found
    json.dumps(found.as_json(), allow_nan=False)
