"""Signatures and bands against closed forms, exact similarities and plain loops."""

import itertools

import numpy as np
import pytest
from coverage_rows import seeded

from medeval.items.coverage.minhash import BANDS, ROWS, candidates, equal_key_pairs, s_curve, signatures, threshold
from medeval.items.coverage.shingles import jaccard, shingle
from medeval.text.words import normalise

# "for" and "at": 14 words each, of 16 different trigrams 8 are in both.
FIRST = normalise("the patient presents with acute chest pain and dyspnea on exertion for two days")
SECOND = normalise("the patient presents with acute chest pain and dyspnea at rest for two days")


@pytest.mark.parametrize(
    ("bands", "rows", "similarity", "expected"),
    [
        (32, 4, 0.5, 0.87322),
        (32, 4, 0.8, 0.99999995),
        (16, 8, 0.5, 0.06070),
        (16, 8, 0.8, 0.94705),
        (20, 5, 0.5, 0.47005),
    ],
)
def test_the_s_curve_has_the_values_of_the_methods(bands: int, rows: int, similarity: float, expected: float) -> None:
    assert s_curve(similarity, bands, rows) == pytest.approx(expected, abs=1.2e-5)


@pytest.mark.parametrize(("bands", "rows", "expected"), [(32, 4, 0.42045), (16, 8, 0.70711), (20, 5, 0.54928)])
def test_the_threshold_has_the_values_of_the_methods(bands: int, rows: int, expected: float) -> None:
    assert threshold(bands, rows) == pytest.approx(expected, abs=5e-6)


def test_hardly_any_pair_at_the_deciding_similarity_is_lost_by_the_bands() -> None:
    assert s_curve(0.7, BANDS, ROWS) > 1 - 1e-6


def test_the_exact_similarity_of_the_known_pair_is_one_half() -> None:
    assert jaccard(shingle([FIRST, SECOND]), np.array([[0, 1]])).tolist() == [0.5]


def test_the_signatures_estimate_the_similarity() -> None:
    signed = signatures(shingle([FIRST, SECOND]))
    assert signed.shape == (2, 256)
    assert abs(np.mean(signed[0] == signed[1]) - 0.5) < 4 * np.sqrt(0.25 / 256)


def test_signatures_are_the_same_in_every_run() -> None:
    again = [signatures(shingle([FIRST, SECOND])) for _ in range(2)]
    assert np.array_equal(*again)


def test_long_stems_are_compared_by_word_trigrams_and_short_ones_by_characters() -> None:
    short = normalise("drug of choice in gout")
    sizes = np.diff(shingle([FIRST, short, normalise("gout"), normalise("ab"), []]).offsets)
    assert sizes.tolist() == [12, len("drug of choice in gout") - 4, 1, 1, 0]


def test_similarities_equal_those_of_plain_sets() -> None:
    draw = seeded(3)
    texts = [draw.choices("abcdefgh", k=draw.randint(12, 30)) for _ in range(40)]
    sets = [{tuple(text[i : i + 3]) for i in range(len(text) - 2)} for text in texts]
    pairs = np.array(list(itertools.combinations(range(40), 2)))
    expected = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs]
    assert jaccard(shingle(texts), pairs) == pytest.approx(expected)


def test_candidates_hold_every_pair_of_the_deciding_similarity_and_no_empty_text() -> None:
    draw = seeded(4)
    vocabulary = [f"w{i}" for i in range(400)]
    texts = [draw.choices(vocabulary, k=40) for _ in range(200)]
    for text in texts[:100]:
        copy = list(text)
        copy[draw.randrange(40)] = "changed"
        texts.append(copy)
    texts += [[], []]
    shingles = shingle(texts)
    pairs = np.array(list(itertools.combinations(range(len(texts)), 2)))
    alike = {tuple(pair) for pair in pairs[jaccard(shingles, pairs) >= 0.7].tolist()}
    found = {tuple(pair) for pair in candidates(shingles).tolist()}
    assert len(alike) == 100
    assert alike <= found
    assert (300, 301) not in found


def test_equal_keys_pair_each_two_owners_once() -> None:
    draw = seeded(5)
    keys = [draw.randrange(12) for _ in range(60)]
    owners = [draw.randrange(20) for _ in range(60)]
    expected = {
        (min(a, b), max(a, b))
        for (key, a), (other, b) in itertools.combinations(zip(keys, owners, strict=True), 2)
        if key == other and a != b
    }
    found = [tuple(pair) for pair in equal_key_pairs(np.array(keys), np.array(owners)).tolist()]
    assert found == sorted(expected)
    assert equal_key_pairs(np.array([], dtype=int), np.array([], dtype=int)).shape == (0, 2)
