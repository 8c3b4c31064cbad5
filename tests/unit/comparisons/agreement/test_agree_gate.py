"""`medeval agree --gate`: the limits for one weights file on two backends, decided only where the data can tell."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agree_rows import GREEDY, agree, choosing, letters, replies, write, write_items

# As many clear items, all alike, as show a share of at least 99.9 %.
ENOUGH = 2703


def decided(folder: Path, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the gate of the document."""
    out = folder / "agreement.json"
    result = agree(*arguments, "--gate", "--out", out)
    assert result.exit_code in (0, 3), result.output
    gate: dict[str, Any] = json.loads(out.read_text())["gate"]
    assert f"Gate: {gate['verdict']}" in result.stdout
    return result.exit_code, gate


def outcomes(gate: dict[str, Any]) -> dict[str, str]:
    return {
        criterion["name"].split(",")[0] + criterion["limit"]: criterion["verdict"] for criterion in gate["criteria"]
    }


def noisy(count: int, size: float) -> list[list[float]]:
    """Distributions that clearly prefer the first option, with a little noise of this size."""
    noise = np.random.default_rng(1).normal(0.0, size, (count, 4))
    return (np.array([0.7, 0.1, 0.1, 0.1]) * np.exp(noise)).tolist()


def test_the_same_weights_with_a_little_noise_pass(tmp_path: Path) -> None:
    a = write(tmp_path / "a", letters(noisy(ENOUGH, 0.0)))
    b = write(tmp_path / "b", letters(noisy(ENOUGH, 0.01), target="vulkan"))
    code, gate = decided(tmp_path, a, b, "--items", write_items(tmp_path / "items", ENOUGH))
    assert (code, gate["verdict"]) == (0, "PASS")
    assert [criterion["verdict"] for criterion in gate["criteria"]] == ["PASS"] * 5


def test_one_item_fewer_cannot_show_the_strictest_share(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, letters(noisy(ENOUGH - 1, 0.0))) for name in "ab")
    code, gate = decided(tmp_path, a, b, "--items", write_items(tmp_path / "items", ENOUGH - 1))
    assert (code, gate["verdict"]) == (0, "INCONCLUSIVE")
    (open_one,) = [criterion for criterion in gate["criteria"] if criterion["verdict"] != "PASS"]
    assert open_one["limit"] == ">= 99.9 %"
    assert "too few items to tell (2,703 would do if all agreed)" in open_one["reason"]


def test_other_probabilities_fail_with_exit_code_3(tmp_path: Path) -> None:
    a = write(tmp_path / "a", letters(noisy(500, 0.0)))
    b = write(tmp_path / "b", letters(noisy(500, 0.3), target="vulkan"))
    code, gate = decided(tmp_path, a, b)
    assert (code, gate["verdict"]) == (3, "FAIL")
    assert outcomes(gate)["mean KL divergence< 0.001"] == "FAIL"


def test_other_answers_fail_by_option_and_by_accuracy(tmp_path: Path) -> None:
    a = write(tmp_path / "a", choosing([0] * 1000))
    b = write(tmp_path / "b", choosing([0] * 950 + [1] * 50, target="vulkan"))
    code, gate = decided(tmp_path, a, b, "--items", write_items(tmp_path / "items", 1000))
    assert code == 3
    assert set(outcomes(gate).values()) == {"FAIL"}
    change = next(criterion for criterion in gate["criteria"] if criterion["name"] == "change of accuracy")
    assert change["value"] == pytest.approx(-0.05) and change["high"] < -0.005


def test_a_few_equal_items_show_nothing(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, choosing([0] * 24)) for name in "ab")
    code, gate = decided(tmp_path, a, b, "--items", write_items(tmp_path / "items", 24))
    assert (code, gate["verdict"]) == (0, "INCONCLUSIVE")
    found = outcomes(gate)
    assert found.pop("p-value of the change> 0.01") == "PASS"
    assert set(found.values()) == {"INCONCLUSIVE"}


def test_a_p_value_that_could_not_be_small_decides_nothing(tmp_path: Path) -> None:
    # Seven items that all flip have p = 2/128 = 0.016, eight 0.008.
    for count, outcome in ((7, "INCONCLUSIVE"), (8, "FAIL")):
        a, b = (
            write(tmp_path / f"a{count}", choosing([0] * count)),
            write(tmp_path / f"b{count}", choosing([1] * count)),
        )
        _, gate = decided(tmp_path, a, b, "--items", write_items(tmp_path / f"items{count}", count))
        assert outcomes(gate)["p-value of the change> 0.01"] == outcome


def test_items_of_one_cluster_do_not_make_it_pass(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, choosing([0] * ENOUGH)) for name in "ab")
    items = write_items(tmp_path / "items", ENOUGH, share=20)
    code, gate = decided(tmp_path, a, b, "--items", items)
    assert (code, gate["verdict"]) == (0, "INCONCLUSIVE")
    assert outcomes(gate)["change of accuracy< 0.5 points"] == "INCONCLUSIVE"


def test_an_option_that_only_b_rules_out_fails(tmp_path: Path) -> None:
    a = write(tmp_path / "a", letters([[0.7, 0.3]] * 200))
    b = write(tmp_path / "b", letters([[0.7, 0.3]] * 199 + [[1.0, 0.0]]))
    code, gate = decided(tmp_path, a, b)
    (kl,) = [criterion for criterion in gate["criteria"] if criterion["name"] == "mean KL divergence"]
    assert (code, kl["verdict"], kl["value"]) == (3, "FAIL", None)
    assert "rules an option out" in kl["reason"]


def test_a_reference_on_the_fence_everywhere_has_no_clear_items(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, letters([[0.51, 0.49]] * 300)) for name in "ab")
    _, gate = decided(tmp_path, a, b)
    (clear,) = [criterion for criterion in gate["criteria"] if criterion["limit"] == ">= 99.9 %"]
    assert (clear["verdict"], clear["n"]) == ("INCONCLUSIVE", 0)


def test_without_items_accuracy_is_not_measured_and_the_gate_is_open(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, replies(["Answer: A"] * 50)) for name in "ab")
    code, gate = decided(tmp_path, a, b)
    assert (code, gate["verdict"]) == (0, "INCONCLUSIVE")
    assert all("not measured" in criterion["reason"] for criterion in gate["criteria"])


def test_two_weights_files_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.gguf" for name in "ab"]
    for file in files:
        file.write_bytes(file.name.encode())
    a, b = (write(tmp_path / f.stem, letters([[0.5, 0.5]]), weights=f) for f in files)
    result = agree(a, b, "--gate")
    assert result.exit_code == 2 and "two files called tiny/f16" in result.stderr
    other = write(tmp_path / "q", letters([[0.5, 0.5]], variant="q4_k_m"))
    result = agree(a, other, "--gate")
    assert result.exit_code == 2 and "tiny/f16 and tiny/q4_k_m" in result.stderr
    assert agree(a, other).exit_code == 0


def test_a_checkpoint_and_the_gguf_made_from_it_may_be_compared(tmp_path: Path) -> None:
    settings = [replace(GREEDY, weights_sha256=digest) for digest in ("ab", "cd")]
    a = write(tmp_path / "a", letters([[0.5, 0.5]]), settings=settings[0])
    b = write(tmp_path / "b", letters([[0.5, 0.5]], target="vllm"), settings=settings[1])
    code, _ = decided(tmp_path, a, b)
    assert code == 0
    assert "Note: A and B are of different weights files." in agree(a, b, "--gate").stdout
    for target in ("cuda", "a target of others"):
        b = write(tmp_path / "b", letters([[0.5, 0.5]], target=target), settings=settings[1])
        assert "two files called" in agree(a, b, "--gate").stderr
