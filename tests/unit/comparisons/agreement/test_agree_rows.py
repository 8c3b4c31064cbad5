"""`medeval agree`: which responses are compared, which are counted, and which tables are refused."""

import json
from pathlib import Path

import pytest
from agree_rows import (
    Row,
    agree,
    choosing,
    document,
    failed,
    letters,
    replies,
    response,
    with_tokens,
    write,
    write_items,
)

P = [0.7, 0.2, 0.05, 0.05]


def test_responses_of_one_side_only_are_named(tmp_path: Path) -> None:
    rows = letters([P] * 5)
    a, b = write(tmp_path / "a", rows[:4]), write(tmp_path / "b", [*rows[2:], response("x", benchmark="pubmedqa")])
    found = document(tmp_path, a, b)
    medqa, pubmedqa = found["groups"]
    assert medqa["rows"] == {
        "shared": 2,
        "only_in_a": 2,
        "only_in_b": 1,
        "errors_a": 0,
        "errors_b": 0,
        "compared": 2,
        "different_prompts": 0,
    }
    assert (medqa["only_in_a"], medqa["only_in_b"]) == (["i0/0", "i1/0"], ["i4/0"])
    assert (pubmedqa["benchmark"], pubmedqa["only_in_b"], pubmedqa["options"]) == ("pubmedqa", ["x/0"], None)
    assert "Only in A, medqa, letter: i0/0, i1/0" in agree(a, b).stdout


def test_errors_are_counted_and_not_compared(tmp_path: Path) -> None:
    rows = letters([P] * 4)
    a = write(tmp_path / "a", [failed(rows[0]), failed(rows[1]), *rows[2:]])
    b = write(tmp_path / "b", [rows[0], failed(rows[1]), failed(rows[2]), rows[3]])
    found = document(tmp_path, a, b, "--items", write_items(tmp_path / "items", 4))
    (group,) = found["groups"]
    counts = group["rows"]
    assert (counts["shared"], counts["errors_a"], counts["errors_b"], counts["compared"]) == (4, 2, 2, 1)
    assert group["options"]["n"] == group["correctness"]["n"] == 1


def test_nothing_but_errors_is_reported_and_no_crash(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, [failed(row) for row in letters([P] * 2)]) for name in "ab")
    (group,) = document(tmp_path, a, b)["groups"]
    assert (group["rows"]["compared"], group["options"], group["replies"]) == (0, None, None)


def test_different_prompts_are_refused_with_their_number(tmp_path: Path) -> None:
    rows = letters([P] * 3)
    a, b = (
        write(tmp_path / "a", rows),
        write(tmp_path / "b", [rows[0], *(r | {"prompt_sha256": "cd"} for r in rows[1:])]),
    )
    result = agree(a, b)
    assert result.exit_code == 2
    assert "2 of 3 shared responses answer different prompts, first letter of medqa item i1" in result.stderr
    found = document(tmp_path, a, b, "--allow-different-prompts")
    assert found["groups"][0]["rows"]["different_prompts"] == 2
    assert found["groups"][0]["rows"]["compared"] == 3
    assert "2 responses answer different prompts; what differs may be due to that" in found["notes"]


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    a = letters([[0.1 * (k + 1), 1 - 0.1 * (k + 1), 0.0, 0.0] for k in range(8)])
    b = letters([[0.08 * (k + 1), 1 - 0.08 * (k + 1), 0.0, 0.0] for k in range(8)])
    items = write_items(tmp_path / "items", 8)
    straight = document(tmp_path, write(tmp_path / "a", a), write(tmp_path / "b", b), "--items", items)
    turned = document(tmp_path, write(tmp_path / "a", a), write(tmp_path / "b", b[::-1]), "--items", items)
    assert straight["groups"] == turned["groups"]
    assert straight["groups"][0]["correctness"]["flips"]["lost"] == 1


def test_tables_without_a_common_response_are_refused(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", letters([P])), write(tmp_path / "b", letters([P], mode="cloze"))
    result = agree(a, b)
    assert result.exit_code == 2 and "share no response" in result.stderr


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "holds no response"),
        ([response("i0"), response("i1", variant="q4")], "responses of 2 systems: tiny/f16/cpu, tiny/q4/cpu"),
        ([response("i0"), response("i0", run_id="other")], "responses rows share the key {'model': 'tiny'"),
    ],
)
def test_tables_that_are_not_one_run_are_refused(tmp_path: Path, rows: list[Row], message: str) -> None:
    result = agree(write(tmp_path / "a", rows), write(tmp_path / "b", letters([P])))
    assert result.exit_code == 2
    assert message in result.stderr and str(tmp_path / "a") in result.stderr


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (response("i0"), "4 option log-probabilities in A and 0 in B"),
        (response("i0", option_logprobs=[-1.0, -2.0]), "4 option log-probabilities in A and 2 in B"),
        (response("i0", option_logprobs=[-1.0, -2.0, -3.0, float("nan")]), "nan]; expected numbers"),
        (response("i0", option_logprobs=[float("-inf")] * 4), "-inf]; expected numbers"),
    ],
)
def test_options_that_cannot_be_compared_are_named(tmp_path: Path, row: Row, message: str) -> None:
    result = agree(write(tmp_path / "a", letters([P])), write(tmp_path / "b", [row]))
    assert result.exit_code == 2
    assert message in result.stderr and "letter of medqa item i0, sample 0" in result.stderr


def test_a_response_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", replies(["x"])), write(tmp_path / "b", replies([None]))
    result = agree(a, b)
    assert result.exit_code == 2
    assert "item 'i0': no option log-probabilities, no text, no reasoning and no error" in result.stderr


def test_one_log_probability_per_token_is_required(tmp_path: Path) -> None:
    a = write(tmp_path / "a", with_tokens(replies(["x"]), [[1, 2]], [[-1.0]]))
    b = write(tmp_path / "b", with_tokens(replies(["x"]), [[1, 2]], [[-1.0, -1.0]]))
    assert "2 tokens and 1 log-probabilities, of which 1 are finite" in agree(a, b).stderr


def test_an_item_that_is_not_among_those_given_is_refused(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, letters([P] * 3)) for name in "ab")
    result = agree(a, b, "--items", write_items(tmp_path / "items", 2))
    assert result.exit_code == 2 and "item 'i2' of 'medqa', which is not in the items table" in result.stderr


def test_a_second_run_of_another_system_is_refused(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", letters([P])), write(tmp_path / "b", letters([P], variant="q4"))
    result = agree(a, b, "--again", b)
    assert result.exit_code == 2
    assert "responses of tiny/q4/cpu, expected a second run of tiny/f16/cpu" in result.stderr


def test_a_itself_is_no_second_run_and_the_reader_is_told(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", letters([P])), write(tmp_path / "b", letters([P], variant="q4"))
    assert any("agrees by construction" in note for note in document(tmp_path, a, b, "--again", a)["notes"])


def test_the_document_says_what_was_read(tmp_path: Path) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(b"weights")
    a = write(tmp_path / "a", letters([P]), weights=weights)
    b = write(tmp_path / "b", choosing([0], target="vulkan", run_id="fedcba"))
    found = document(tmp_path, a, b)
    assert found["schema"] == "agreement.v1"
    assert set(found["inputs"]) == {str(a), str(b)}
    assert (found["b"]["target"], found["b"]["run_ids"], found["b"]["responses"]) == ("vulkan", ["fedcba"], 1)
    assert found["a"]["weights_sha256"] and found["b"]["weights_sha256"] is None
    assert "the weights of A or B are not recorded, so that they may differ" in found["notes"]


def test_the_terminal_shows_every_level(tmp_path: Path) -> None:
    rows = [*letters([P] * 2), *replies(["Answer: A", "Answer: B"])]
    other = [*letters([P] * 2, target="metal"), *replies(["Answer: A", "Answer: C"], target="metal")]
    a, b = write(tmp_path / "a", rows), write(tmp_path / "b", other)
    shown = agree(a, b, "--items", write_items(tmp_path / "items", 2)).stdout
    for title in ("Responses, A and B", "Probabilities of the options", "Generated replies", "Correctness"):
        assert title in shown
    assert "character 8" in shown and "tiny/f16/metal" in shown
    assert "token" not in shown.split("Generated replies")[1].split("Correctness")[0]
    assert json.dumps(shown)  # plain text, no control characters of a terminal
    assert "\x1b" not in shown
