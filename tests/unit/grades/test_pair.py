"""Two systems on the same conversations: the command on tables whose figures are worked by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.statistics.paired import paired_difference

# One criterion of 4 points, one of 1: scores 0, 0.2, 0.8 or 1.
MET = {0.0: (False, False), 0.2: (False, True), 0.8: (True, False), 1.0: (True, True)}


def write(path: Path, scores: dict[str, list[float]], **columns: Any) -> Path:
    rows = [
        {"prompt_id": prompt, "sample": sample, "criterion_index": index, "points": points, "met": MET[score][index]}
        for prompt, answers in scores.items()
        for sample, score in enumerate(answers)
        for index, points in enumerate((4, 1))
    ]
    pq.write_table(pa.Table.from_pylist([{**row, **columns} for row in rows]), path)
    return path


def respond(path: Path, lengths: dict[str, list[int]], **columns: Any) -> Path:
    rows = [
        {"prompt_id": prompt, "sample": sample, "text": "x" * length, **columns}
        for prompt, answers in lengths.items()
        for sample, length in enumerate(answers)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def compare(folder: Path, *options: Path | str) -> tuple[int, str, dict[str, Any]]:
    out = folder / "pair.json"
    command = ["healthbench", "compare", "--grades", str(folder / "a.parquet"), "--grades", str(folder / "b.parquet")]
    result = CliRunner().invoke(main, [*command, *map(str, options), "--out", str(out)])
    return result.exit_code, result.output, json.loads(out.read_text()) if out.exists() else {}


A = {"p": [1.0, 0.8], "q": [0.2, 0.2], "r": [1.0, 1.0], "s": [0.0, 1.0]}
B = {"p": [0.2, 0.8], "q": [0.2, 0.8], "r": [0.0, 0.0], "t": [1.0, 1.0]}


def test_the_difference_is_paired_and_answers_are_averaged_per_prompt(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", A, model="one")
    write(tmp_path / "b.parquet", B, model="two")
    code, said, document = compare(tmp_path)
    assert code == 0, said
    (entry,) = document["subsets"]
    a, b = np.array([0.9, 0.2, 1.0]), np.array([0.5, 0.5, 0.0])
    assert entry["difference"]["value"] == pytest.approx((a - b).mean())
    assert entry["difference"]["se"] == pytest.approx(paired_difference(a, b).se)
    assert (entry["examples"], entry["examples_in_one_only"]) == (3, 2)
    # p: of 4 pairs one tie, A wins 2, B wins 0 of (1 .2) (1 .8) (.8 .2) (.8 .8); q: 2 ties, B wins 2; r: A wins 4
    rate = entry["win_rate"]
    assert rate["estimate"]["value"] == pytest.approx((1 + 0 + 1) / 3)
    assert (rate["pairs"], rate["tied"], rate["kept"]) == (12, 3, 9)
    assert entry["length_controlled_win_rate"] is None
    assert "A minus B" in said and "one/-/-" in said


def test_swapping_the_two_turns_every_figure_around(tmp_path: Path) -> None:
    lengths = {"p": [100, 101], "q": [100, 150], "r": [90, 95], "s": [1, 1], "t": [1, 1]}
    write(tmp_path / "a.parquet", A)
    write(tmp_path / "b.parquet", B)
    one = respond(tmp_path / "one.parquet", lengths)
    two = respond(
        tmp_path / "two.parquet", {name: [v * 2 if v == 95 else v for v in both] for name, both in lengths.items()}
    )
    found = compare(tmp_path, "--responses", one, "--responses", two)[2]["subsets"][0]
    for name, scores in (("a", B), ("b", A)):
        write(tmp_path / f"{name}.parquet", scores)
    turned = compare(tmp_path, "--responses", two, "--responses", one)[2]["subsets"][0]
    assert turned["difference"]["value"] == pytest.approx(-found["difference"]["value"])
    adjusted = (turned["length_adjusted"]["estimate"], found["length_adjusted"]["estimate"])
    assert adjusted[0]["value"] == pytest.approx(-adjusted[1]["value"])
    for kind in ("win_rate", "length_controlled_win_rate"):
        assert turned[kind]["estimate"]["value"] + found[kind]["estimate"]["value"] == pytest.approx(1.0)
        assert turned[kind]["kept"] == found[kind]["kept"]
    assert found["length_controlled_win_rate"]["apart"] > 0


def test_one_table_of_responses_serves_both_when_it_names_the_models(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", {"p": [1.0], "q": [1.0]}, model="one")
    write(tmp_path / "b.parquet", {"p": [0.0], "q": [0.0]}, model="two")
    rows = [
        {"prompt_id": prompt, "model": model, "text": "x" * length}
        for model, lengths in (("one", (100, 100)), ("two", (105, 300)))
        for prompt, length in zip("pq", lengths, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "both.parquet")
    entry = compare(tmp_path, "--responses", tmp_path / "both.parquet")[2]["subsets"][0]
    assert (entry["length_controlled_win_rate"]["kept_examples"], entry["length_controlled_win_rate"]["apart"]) == (
        1,
        1,
    )
    assert entry["answers_without_length"] == 0


def test_a_missing_grade_leaves_its_answer_out_on_both_sides_and_is_counted(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", {"p": [1.0, 1.0], "q": [1.0, 1.0]})
    table = pq.read_table(write(tmp_path / "b.parquet", {"p": [0.0, 0.0], "q": [0.0, 0.0]})).to_pylist()
    table[0]["met"] = None
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "b.parquet")
    entry = compare(tmp_path)[2]["subsets"][0]
    assert (entry["examples"], entry["examples_without_a_score"]) == (1, 1)
    assert entry["win_rate"]["pairs"] == 2 * 1 + 2 * 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"judge": "another"}, "were judged by 'not stated'"),
        ({"subset": "hard"}, "holds the subset not stated"),
        ({"points": 5}, "prompt 'p' has other criteria or points in each"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    write(tmp_path / "a.parquet", {"p": [1.0]})
    table = pq.read_table(write(tmp_path / "b.parquet", {"p": [0.0]})).to_pylist()
    pq.write_table(pa.Table.from_pylist([{**row, **changes} for row in table]), tmp_path / "b.parquet")
    code, said, _ = compare(tmp_path)
    assert code == 2 and words in " ".join(said.split())


def test_a_table_with_two_systems_or_a_single_table_is_refused(tmp_path: Path) -> None:
    both = [pq.read_table(write(tmp_path / "a.parquet", {"p": [1.0]}, model=model)) for model in ("one", "two")]
    pq.write_table(pa.concat_tables(both), tmp_path / "a.parquet")
    write(tmp_path / "b.parquet", {"p": [0.0]})
    code, said, _ = compare(tmp_path)
    assert code == 2 and "holds grades of one/-/-; two/-/-" in said
    result = CliRunner().invoke(main, ["healthbench", "compare", "--grades", str(tmp_path / "b.parquet")])
    assert result.exit_code == 2 and "Give --grades twice" in result.output


def test_a_second_reply_to_the_same_prompt_and_sample_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", {"p": [1.0]})
    write(tmp_path / "b.parquet", {"p": [0.0]})
    table = pq.read_table(respond(tmp_path / "r.parquet", {"p": [5]}))
    pq.write_table(pa.concat_tables([table, table]), tmp_path / "r.parquet")
    code, said, _ = compare(tmp_path, "--responses", tmp_path / "r.parquet")
    assert code == 2 and "row 1 is a second reply to prompt 'p', sample 0" in said
