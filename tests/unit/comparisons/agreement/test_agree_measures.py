"""`medeval agree`: every measure of agreement between two responses tables (section G of the methods page)."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agree_rows import GREEDY, choosing, document, failed, letters, replies, response, with_tokens, write, write_items
from statsmodels.stats.proportion import proportion_confint

from medeval.run.config import Protocol

# G5.
P = [0.7, 0.2, 0.05, 0.05]
Q = [0.6, 0.25, 0.1, 0.05]


def only(found: dict[str, Any], measure: str) -> Any:
    (group,) = found["groups"]
    return group[measure]


def test_divergences_of_the_printed_example(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", letters([P] * 3)), write(tmp_path / "b", letters([Q] * 3, target="vulkan"))
    options = only(document(tmp_path, a, b), "options")
    assert options["kl"]["value"] == pytest.approx(0.0286194066, rel=1e-8)
    assert options["js"]["value"] == pytest.approx(0.0075642148, rel=1e-8)
    assert options["tv"]["value"] == pytest.approx(0.10, rel=1e-9)
    assert options["max_log_ratio"] == pytest.approx(math.log(2), rel=1e-9)
    assert (options["top1"]["value"], options["n"]) == (1.0, 3)


def test_equal_responses_agree_exactly(tmp_path: Path) -> None:
    a = write(tmp_path / "a", [*letters([P, Q]), *replies(["B, since", "C"], reasoning="first")])
    found = document(tmp_path, a, a)
    options, texts = found["groups"][0]["options"], found["groups"][1]["replies"]
    assert [options[name]["value"] for name in ("kl", "js", "tv")] == [0.0, 0.0, 0.0]
    assert options["max_log_ratio"] == 0.0
    assert options["top1"]["value"] == options["clear_top1"]["value"] == texts["same_text"]["value"] == 1.0
    assert texts["first_difference"] is None
    assert "A and B are the same file: nothing is compared" in found["notes"]


def test_items_on_the_fence_are_told_from_clear_ones(tmp_path: Path) -> None:
    fence, turned, clear = [0.51, 0.49], [0.49, 0.51], [0.9, 0.1]
    a, b = write(tmp_path / "a", letters([fence, clear])), write(tmp_path / "b", letters([turned, clear]))
    options = only(document(tmp_path, a, b), "options")
    assert (options["top1"]["value"], options["clear_top1"]["value"], options["clear_top1"]["n"]) == (0.5, 1.0, 1)


def test_items_with_unequal_numbers_of_options_are_compared_together(tmp_path: Path) -> None:
    rows_a = [response("i0", option_logprobs=[-1.0, -2.0]), response("i1", option_logprobs=np.log(P).tolist())]
    rows_b = [response("i0", option_logprobs=[-3.0, -4.0]), response("i1", option_logprobs=np.log(Q).tolist())]
    options = only(document(tmp_path, write(tmp_path / "a", rows_a), write(tmp_path / "b", rows_b)), "options")
    assert options["kl"]["value"] == pytest.approx(0.0286194066 / 2, rel=1e-8)


def test_an_option_that_only_b_rules_out_makes_the_divergence_infinite_and_not_absent(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", letters([P, P])), write(tmp_path / "b", letters([P, [0.9, 0.1, 0.0, 0.0]]))
    kl = only(document(tmp_path, a, b), "options")["kl"]
    assert kl["value"] is None and "infinite" in kl["method"]


def test_flips_of_the_printed_example(tmp_path: Path) -> None:
    # G2: 1000 items, 45 lost, 40 gained; 15 more go from one wrong option to another.
    a = write(tmp_path / "a", choosing([0] * 545 + [1] * 455))
    b = write(tmp_path / "b", choosing([0] * 500 + [1] * 45 + [0] * 40 + [2] * 15 + [1] * 400))
    items = write_items(tmp_path / "items", 1000)
    found = only(document(tmp_path, a, b, "--items", items), "correctness")
    rate, change = found["flips"]["rate"], found["flips"]["change"]
    assert (found["flips"]["lost"], found["flips"]["gained"], found["n"]) == (45, 40, 1000)
    assert rate["value"] == pytest.approx(0.085, rel=1e-12)
    assert (rate["low"], rate["high"]) == pytest.approx(proportion_confint(85, 1000, method="wilson"))
    assert (found["accuracy_a"], found["accuracy_b"]) == (0.545, 0.54)
    assert change["value"] == pytest.approx(-0.005, rel=1e-9)
    assert change["p_value"] == pytest.approx(0.6646454905, rel=1e-9)
    assert (change["mcnemar"]["lost"], change["mcnemar"]["gained"]) == (45, 40)
    assert found["answer_changes"]["value"] == pytest.approx(0.1, rel=1e-12)


def test_items_of_one_cluster_are_not_independent(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", choosing([0] * 200)), write(tmp_path / "b", choosing([0] * 160 + [1] * 40))
    apart, together = (write_items(tmp_path / f"items{share}", 200, share=share) for share in (1, 4))
    independent = only(document(tmp_path, a, b, "--items", apart), "correctness")["flips"]
    clustered = only(document(tmp_path, a, b, "--items", together), "correctness")["flips"]
    assert clustered["change"]["clusters"] == 50
    assert clustered["change"]["se"] == pytest.approx(2 * independent["change"]["se"], rel=0.02)
    assert "bootstrap" in clustered["change"]["test"] and clustered["change"]["mcnemar"] is None
    assert clustered["rate"]["high"] - clustered["rate"]["low"] > 1.5 * (
        independent["rate"]["high"] - independent["rate"]["low"]
    )


def test_samples_of_an_item_are_matched_by_number_and_not_independent(tmp_path: Path) -> None:
    # Of each item, sample 0 is right in A and sample 1 in B.
    rows = {
        name: [response(f"i{item}", mode="generate", finish_reason="stop", sample=sample, text=f"Answer: {text}")
               for item in range(40) for sample, text in enumerate(texts)]
        for name, texts in (("a", "AB"), ("b", "BA"))
    }  # fmt: skip
    a, b = (write(tmp_path / name, part) for name, part in rows.items())
    found = document(tmp_path, a, b, "--items", write_items(tmp_path / "items", 40))
    flips = only(found, "correctness")["flips"]
    assert (flips["lost"], flips["gained"], flips["n"], flips["change"]["clusters"]) == (40, 40, 80, 40)
    assert found["a"]["sampling"] == "sampled"


def test_excess_flips_subtract_those_between_two_runs_of_a(tmp_path: Path) -> None:
    base, again, test = ([1] * 100 for _ in range(3))
    again[:4] = [0] * 4
    test[2:12] = [0] * 10
    a, b = write(tmp_path / "a", choosing(base)), write(tmp_path / "b", choosing(test, variant="q4"))
    second = write(tmp_path / "again", choosing(again, run_id="another")[::-1])
    found = document(tmp_path, a, b, "--again", second, "--items", write_items(tmp_path / "items", 100))
    excess = only(found, "correctness")["excess_flips"]
    assert excess["value"] == pytest.approx(0.10 - 0.04, rel=1e-9)
    assert (excess["mcnemar"]["flipped_in_b_only"], excess["mcnemar"]["flipped_again_only"]) == (8, 2)
    (floor,) = found["floor"]["groups"]
    assert floor["correctness"]["flips"]["rate"]["value"] == 0.04
    assert floor["correctness"]["excess_flips"] is None


def test_the_floor_and_the_excess_use_what_their_runs_share(tmp_path: Path) -> None:
    a = write(tmp_path / "a", choosing([1] * 10))
    b = write(tmp_path / "b", choosing([0] * 10, variant="q4")[3:])
    second = choosing([1] * 10, run_id="another")
    again = write(tmp_path / "again", [failed(second[6]), *second[5::-1]])
    found = document(tmp_path, a, b, "--again", again, "--items", write_items(tmp_path / "items", 10))
    correctness = only(found, "correctness")
    assert (correctness["n"], correctness["excess_flips"]["n"]) == (7, 3)  # items 3 to 9, and 3 to 5
    (floor,) = found["floor"]["groups"]
    assert (floor["rows"]["only_in_a"], floor["correctness"]["n"]) == (3, 6)


def test_replies_part_at_the_first_character_that_differs(tmp_path: Path) -> None:
    a = write(tmp_path / "a", replies(["The answer is B.", "same", "cut", "Ä B"]))
    b = write(tmp_path / "b", replies(["The answer is C.", "same", "cut off", "Ä C"]))
    texts = only(document(tmp_path, a, b), "replies")
    assert texts["same_text"]["value"] == 0.25
    parted = texts["first_difference"]
    assert (parted["unit"], parted["n"], parted["min"], parted["median"], parted["max"]) == ("character", 3, 2, 3, 14)
    assert texts["tokens"] is None


def test_reasoning_is_part_of_the_reply_with_a_character_for_each_of_its_marks(tmp_path: Path) -> None:
    a = write(tmp_path / "a", replies(["B"], reasoning="ab"))
    for name, text, reasoning, place in (("answer", "C", "ab", 4), ("thought", "B", "ax", 2), ("open", None, "ab", 3)):
        b = write(tmp_path / name, replies([text], reasoning=reasoning))
        texts = only(document(tmp_path, a, b), "replies")
        assert texts["same_text"]["value"] == 0.0
        assert texts["first_difference"]["min"] == place, name


def test_with_token_ids_replies_part_at_a_token(tmp_path: Path) -> None:
    texts = ["a b c"] * 5
    ids_a = [[1, 2, 3], [1, 2, 3], [1, 2, 3], [1], None]
    ids_b = [[1, 2, 3], [1, 9, 3], [1, 2], [1, 2], [1, 2, 3]]
    logs_a = [[-0.1, -0.2, -0.3], [-0.1, -0.2, -0.3], [-0.1, -0.2, -0.3], [-0.1], None]
    logs_b = [[-0.1, -0.2, -0.5], [-0.2, -5.0, -0.3], [-0.1, -0.2], [-0.1, -0.2], [-1.0, -1.0, -1.0]]
    a = write(tmp_path / "a", with_tokens(replies(texts), ids_a, logs_a))
    b = write(tmp_path / "b", with_tokens(replies(texts), ids_b, logs_b))
    found = only(document(tmp_path, a, b), "replies")
    tokens = found["tokens"]
    assert found["same_text"]["value"] == 1.0
    assert (tokens["n"], tokens["same"]["value"]) == (4, 0.25)
    parted = tokens["first_difference"]
    assert (parted["unit"], parted["n"], parted["min"], parted["max"]) == ("token", 3, 1, 2)
    # Log-probabilities are compared before that: 3, 1, 2 and 1 tokens; -5 is after it.
    assert tokens["before"] == 7
    assert tokens["max_log_ratio"] == pytest.approx(0.2, rel=1e-6)
    assert tokens["mean_log_ratio"] == pytest.approx(0.3 / 7, rel=1e-6)


def test_token_ids_without_log_probabilities_suffice(tmp_path: Path) -> None:
    a = write(tmp_path / "a", with_tokens(replies(["a b"]), [[1, 2]]))
    b = write(tmp_path / "b", with_tokens(replies(["a c"]), [[1, 3]]))
    tokens = only(document(tmp_path, a, b), "replies")["tokens"]
    assert (tokens["first_difference"]["min"], tokens["before"], tokens["max_log_ratio"]) == (1, 0, None)


def test_prompts_of_another_length_are_counted(tmp_path: Path) -> None:
    rows = letters([P] * 4)
    a, b = write(tmp_path / "a", rows), write(tmp_path / "b", [rows[0] | {"prompt_tokens": 101}, *rows[1:]])
    assert only(document(tmp_path, a, b), "same_prompt_tokens")["value"] == 0.75


def test_each_mode_is_summed_up_over_its_benchmarks(tmp_path: Path) -> None:
    parts = {name: letters([P] * count, benchmark=name) for name, count in (("medqa", 3), ("medmcqa", 1))}
    others = {name: letters([Q] * len(rows), benchmark=name) for name, rows in parts.items()}
    others["medmcqa"] = parts["medmcqa"]
    talk = replies(["x"], benchmark="healthbench")
    a = write(tmp_path / "a", [*parts["medqa"], *parts["medmcqa"], *talk])
    b = write(tmp_path / "b", [*others["medqa"], *others["medmcqa"], *talk])
    found = document(tmp_path, a, b, "--items", write_items(tmp_path / "items", 3))
    names = [(entry["benchmark"], entry["mode"]) for entry in found["groups"]]
    assert names == [("medqa", "letter"), ("medmcqa", "letter"), ("healthbench", "generate")]
    assert [entry["options"]["n"] for entry in found["groups"][:2]] == [3, 1]
    letter, generate = found["overall"]
    assert (letter["benchmarks"], generate["benchmarks"]) == (["medqa", "medmcqa"], ["healthbench"])
    assert letter["options"]["kl"]["value"] == pytest.approx(0.0286194066 * 3 / 4, rel=1e-8)
    # Only MedQA's items were given.
    assert (letter["rows"]["compared"], letter["correctness"]["n"]) == (4, 3)
    assert found["groups"][1]["correctness"] is None and generate["correctness"] is None


def test_settings_that_differ_are_named_with_both_values(tmp_path: Path) -> None:
    other = replace(GREEDY, protocol=Protocol(max_tokens=8), engine={"sequences": 4})
    a = write(tmp_path / "a", letters([P]), settings=GREEDY)
    b = write(tmp_path / "b", letters([P]), settings=other)
    assert document(tmp_path, a, b)["settings_that_differ"] == {
        "protocol.max_tokens": {"a": 1024, "b": 8},
        "engine.sequences": {"a": 1, "b": 4},
    }


@pytest.mark.parametrize("temperatures", [(0.6, 0.6), (0.6, 0.0), (0.0, 0.6)])
def test_the_text_of_sampled_replies_is_not_compared(tmp_path: Path, temperatures: tuple[float, float]) -> None:
    a, b = (
        write(
            tmp_path / name, replies(["x", "y"]), settings=replace(GREEDY, protocol=Protocol(temperature=temperature))
        )
        for name, temperature in zip("ab", temperatures, strict=True)
    )
    found = document(tmp_path, a, b)
    assert only(found, "replies") == {"n": 2, "same_text": None, "first_difference": None, "tokens": None}
    assert any("replies are sampled" in note for note in found["notes"])


def test_greedy_replies_need_no_note_and_unknown_ones_get_one(tmp_path: Path) -> None:
    for settings, noted in ((GREEDY, False), (None, True)):
        a = write(tmp_path / f"a{noted}", replies(["x"]), settings=settings)
        b = write(tmp_path / f"b{noted}", replies(["y"]), settings=settings)
        notes = document(tmp_path, a, b)["notes"]
        assert any("not known whether replies were sampled" in note for note in notes) is noted


def test_settings_of_another_run_are_not_taken_for_those_of_the_table(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, replies(["x"]), settings=GREEDY) for name in "ab")
    write(tmp_path / "b", replies(["x"], run_id="of another run"))
    found = document(tmp_path, a, b)
    assert (found["a"]["sampling"], found["b"]["sampling"]) == ("greedy", "unknown")
    assert found["settings_that_differ"] is None


def test_a_record_that_cannot_be_read_leaves_the_settings_unknown(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, replies(["x"]), settings=GREEDY) for name in "ab")
    (tmp_path / "b.lm_eval.json").write_text('{"identity": {"seed": 1}}')
    assert document(tmp_path, a, b)["settings_that_differ"] is None
