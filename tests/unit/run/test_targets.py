"""The table of targets fits the configuration, the workflow and what the plan makes of it."""

import re
from pathlib import Path

import pytest

from medeval.errors import MedevalError
from medeval.records.yaml_files import load_yaml
from medeval.run.config import RunConfig, from_mapping
from medeval.run.model import Variant
from medeval.run.plan import Plan
from medeval.run.section import Section
from medeval.run.targets import TARGETS, LlamaCpp, Target, target_named

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", TARGETS)
def test_a_row_names_what_there_is(name: str) -> None:
    row = TARGETS[name]
    holder = Variant if row.loads == "server" else RunConfig
    assert row.settings.__name__ in str(holder.model_fields[row.section].annotation)
    assert isinstance(row.gpus, int) or row.gpus in row.settings.model_fields
    assert (ROOT / f"workflow/envs/{row.environment}.yaml").is_file()
    assert re.fullmatch("[a-z]+", name)  # the Snakefile's pattern


def test_an_unknown_target_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(MedevalError, match="there is no target 'tpu'\n.*cpu, vulkan, metal, cuda, vllm, api"):
        target_named("tpu")


class Foo(Section):
    """Settings of an engine that comes later."""

    cards: int = 2


class WithFoo(RunConfig):
    """A configuration with their key."""

    foo: Foo = Foo()


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(ROOT)
    run = from_mapping(load_yaml(Path("config/demo.yaml")), Path("demo.yaml"))
    return Plan(WithFoo(**dict(run)), Path("r"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [(Foo, ["--weights=r/weights/m/q.gguf", '--settings={"cards":2}']), (LlamaCpp, "--weights=r/weights/m/q.gguf")],
)
def test_one_row_tells_the_plan_all_of_an_engine(
    plan: Plan, settings: type[Section], told: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = "foo" if settings is Foo else "engine"
    gpus = "cards" if settings is Foo else 1
    row = Target("Foo", "gguf", "never", gpus, "cuda", settings, section, "medeval.responses.engines.foo")
    monkeypatch.setitem(TARGETS, "foo", row)
    monkeypatch.setattr(plan, "variant", lambda *_: Variant(source={"type": "file", "path": "q.gguf"}))
    assert plan.source_option("m", "q", "foo") == told
    assert plan.evaluated_files("m", "q", "foo") == ["r/weights/m/q.gguf"]
    assert plan.variant("m", "q").runs_on("foo")
    assert (plan.probe("m", "q", "foo"), plan.environment("foo")) == ([], "cuda")
    assert plan.gpus("foo") == (2 if settings is Foo else 1)
