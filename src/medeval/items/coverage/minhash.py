"""Which pairs of sets are worth comparing: MinHash signatures in locality-sensitive bands.

Two sets agree in one place of their signatures with a probability of their Jaccard similarity J, so they agree in
some band of r places, out of b, with a probability of 1 - (1 - J^r)^b (Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, section 3.4).
"""

import numpy as np
import numpy.typing as npt
import rensa

from medeval.items.coverage.shingles import PairArray, Shingles

PERMUTATIONS = 256
# 64 bands of 4 find a pair of J = 0.7 with a probability of 1 - 2e-8 and one of J = 0.5 with 0.984. The 32 bands of
# 8 that aim at J = 0.65 would lose 15 % of the pairs at 0.7. What comes too much is sorted out by exact comparison.
BANDS, ROWS = 64, 4
SEED = 20_250_101

SignatureArray = npt.NDArray[np.uint32]


def s_curve(similarity: float, bands: int, rows: int) -> float:
    """Return the probability that a pair of this Jaccard similarity shares a band."""
    return 1 - (1 - similarity**rows) ** bands


def threshold(bands: int, rows: int) -> float:
    """Return the similarity at which the S-curve is steepest, about (1/b)^(1/r)."""
    return float((1 / bands) ** (1 / rows))


def signatures(shingles: Shingles, permutations: int = PERMUTATIONS) -> SignatureArray:
    """Return the MinHash signature of each set, shape (sets, permutations)."""
    offsets = shingles.offsets.astype(np.uint64)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(shingles.hashes, offsets, permutations, SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32).reshape(len(shingles), permutations)


def candidates(shingles: Shingles, bands: int = BANDS, rows: int = ROWS) -> PairArray:
    """Return the pairs of non-empty sets that share a band of their signatures, shape (p, 2), each once."""
    filled = np.flatnonzero(np.diff(shingles.offsets))
    signed = signatures(shingles, bands * rows)[filled]
    found = [np.empty((0, 2), dtype=np.int64)]
    for band in range(bands):
        places = np.ascontiguousarray(signed[:, band * rows : (band + 1) * rows])
        keys = np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)
        found.append(equal_key_pairs(keys, filled))
    return np.unique(np.concatenate(found), axis=0)


def equal_key_pairs(keys: npt.NDArray[np.integer], owners: npt.NDArray[np.integer]) -> PairArray:
    """Return the pairs of different owners that have a key in common, shape (p, 2), smaller owner first.

    Args:
        keys: Shape (n,).
        owners: Whose key each is, shape (n,); an owner may have several.
    """
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    found = [np.empty((0, 2), dtype=np.int64)]
    for distance in range(1, len(keys)):
        same = keys[distance:] == keys[:-distance]
        if not same.any():
            break
        found.append(np.stack([owners[:-distance][same], owners[distance:][same]], axis=1).astype(np.int64))
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
