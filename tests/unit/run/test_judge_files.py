"""Judges in files: every one that ships is valid, and a run, its check and its lock know what it needs."""

from pathlib import Path
from typing import Any

import pytest

from medeval.errors import MedevalError
from medeval.records.yaml_files import load_yaml
from medeval.run.check import describe_run
from medeval.run.config import RunConfig, from_mapping, load_run
from medeval.run.judge import ApiJudge, LocalJudge, read_judge
from medeval.run.plan import Plan
from medeval.run.sources import HubSource

JUDGES = sorted(Path("config/judges").glob("*.yaml"))
LOCAL = "config/judges/llama-3.1-8b-instruct.yaml"


def run_with(judge: Any) -> RunConfig:
    return from_mapping(load_yaml(Path("config/demo.yaml")) | {"judge": judge}, Path("run.yaml"))


@pytest.mark.parametrize("path", JUDGES, ids=lambda path: path.stem)
def test_a_judge_that_ships_is_valid_and_not_called_credible(path: Path) -> None:
    judge = read_judge(path)
    assert judge.family
    assert not judge.credible  # that is for a measurement to say
    assert run_with(str(path)).judge == judge


def test_the_publishers_judge_the_benchmarks_own_an_open_one_and_a_local_one_are_there() -> None:
    found = {path.stem: read_judge(path) for path in JUDGES}
    assert {judge.model for judge in found.values()} >= {
        "opencompass/CompassJudger-2-32B-Instruct", "gpt-4.1-2025-04-14", "openai/gpt-oss-120b"
    }  # fmt: skip
    assert any(isinstance(judge, LocalJudge) and judge.source for judge in found.values())
    assert found["compassjudger-2-32b"].family == "qwen"


def test_the_reproduction_is_judged_by_the_publishers_judge() -> None:
    assert load_run(Path("config/medpsy.yaml"), with_lock=False).judge == read_judge(
        Path("config/judges/compassjudger-2-32b.yaml")
    )


def test_a_judges_own_file_is_fetched_pinned_and_described() -> None:
    run = run_with(LOCAL)
    plan = Plan(run, Path("results/demo"))
    assert plan.judge_weights() == ["results/demo/weights/llama-3.1-8b-instruct/q4_k_m.gguf"]
    assert "weights/llama-3.1-8b-instruct/q4_k_m.gguf" in plan.fetched
    source = plan.variant("llama-3.1-8b-instruct", "q4_k_m").source
    assert isinstance(source, HubSource) and source in run.sources()
    described = describe_run(run)
    assert "family llama; one call per criterion" in described
    assert described.splitlines()[-1].strip().startswith("hub model bartowski/")  # not pinned yet
    pinned = run.with_sources(lambda s: s.model_copy(update={"revision": "0" * 40}) if isinstance(s, HubSource) else s)
    assert isinstance(pinned.judge, LocalJudge) and isinstance(pinned.judge.source, HubSource)
    assert pinned.judge.source.revision == "0" * 40


def test_a_judge_with_a_file_may_not_take_the_name_of_one_that_the_run_makes() -> None:
    judge = load_yaml(Path(LOCAL)) | {"model": "smollm2-135m-instruct", "variant": "f16"}
    with pytest.raises(MedevalError, match="which this run makes as well"):
        run_with(judge)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "type: api\nurl: http://localhost/v1\nmodel: m\ntemprature: 0\n",
            "judge.yaml: 1 problem\n  temprature: unknown",
        ),
        ("type: server\n", "judge.yaml: type: expected 'local' or 'api', found 'server'"),
        ("type: api\nurl: http://localhost/v1\nmodel: m\nmode: batch\n", "mode"),
    ],
)
def test_a_wrong_key_names_the_judges_file(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "judge.yaml").write_text(text)
    with pytest.raises(MedevalError) as error:
        run_with(str(tmp_path / "judge.yaml"))
    assert words in str(error.value)


def test_only_what_grades_depend_on_is_the_judges_identity() -> None:
    judge = read_judge(Path("config/judges/gpt-4.1.yaml"))
    assert isinstance(judge, ApiJudge)
    same = {"concurrency": 1, "tokens_per_minute": 1e4, "usd_per_million_prompt_tokens": None, "credible": True}
    assert judge.model_copy(update=same).identity() == judge.identity()
    for change in ({"mode": "conversation"}, {"temperature": 0.0}, {"max_tokens": 64}, {"revision": "1"}, {"url": "x"}):
        assert judge.model_copy(update=change).identity() != judge.identity()
