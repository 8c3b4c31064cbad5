"""What answers is opened by the module that the table of targets names."""

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.errors import MedevalError
from medeval.responses.engines.types import Opener, Opening
from medeval.responses.subject import Subject
from medeval.run.section import Section
from medeval.run.targets import TARGETS, LlamaCpp, Served, Target, Vllm

SERVED = '{"url": "http://localhost:8000/v1", "model": "big"}'


def test_every_module_of_the_table_opens_its_engine_and_none_loads_a_heavy_package_before() -> None:
    modules = sorted({row.module for row in TARGETS.values()})
    code = "import importlib, sys\n" + "".join(f"importlib.import_module({name!r})\n" for name in modules)
    code += "print([m for m in ('llama_cpp', 'lm_eval', 'torch', 'vllm') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("row", TARGETS.values(), ids=TARGETS)
def test_every_opener_takes_and_gives_the_same(row: Target) -> None:
    open_engine: Any = __import__(row.module, fromlist=["open_engine"]).open_engine
    found, wanted = inspect.signature(open_engine), inspect.signature(Opener.__call__)
    assert list(found.parameters) == list(wanted.parameters)[1:]
    assert found.parameters["opening"].annotation == Opening[row.settings]
    assert found.return_annotation == wanted.return_annotation


@pytest.mark.parametrize(
    ("target", "weights", "settings", "option"),
    [
        ("cpu", None, LlamaCpp(), "--weights"),
        ("cpu", "model.gguf", Vllm(), "--weights"),
        ("vllm", None, Vllm(), "--checkpoint"),
        ("api", "model.gguf", Served(url="http://h/v1", model="m"), "--served"),
    ],
)
def test_what_does_not_go_with_a_target_is_refused(
    target: str, weights: str | None, settings: Section, option: str
) -> None:
    with pytest.raises(MedevalError, match=f"target '{target}' does not go with[\\s\\S]*Give {option} for"):
        Subject(target, Path(weights) if weights else None, settings, None, None, {})


class Foo(Section):
    """Settings of an engine that comes later."""

    depth: int = 1


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Subject]:
    """Return the subjects that commands would ask, with an engine `foo` added by one row and one module."""
    module = ModuleType("foo_engine")
    module.open_engine = lambda opening: (opening.settings, "chat")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "foo_engine", module)
    monkeypatch.setitem(TARGETS, "foo", Target("Foo", "gguf", "never", 1, "cpu", Foo, "foo", "foo_engine"))
    found: list[Subject] = []

    def evaluate(items: Path, out: Path, run: Any, **_: object) -> dict[str, float]:
        found.append(run.subject)
        return {}

    monkeypatch.setattr("medeval.responses.evaluate.evaluate", evaluate)
    return found


def command(*options: str) -> Any:
    names = ["--items", "i", "--out", "o", "--model", "m", "--variant", "v"]
    return CliRunner().invoke(main, ["evaluate", *names, *options])


def test_an_engine_of_one_row_and_one_module_is_opened_with_its_settings(asked: list[Subject]) -> None:
    command("--target", "foo", "--weights", "w.gguf", "--settings", '{"depth": 3}')
    assert asked[0].open() == (Foo(depth=3), "chat")


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--weights", "w", "--engine", '{"schedule": "fast"}'], LlamaCpp(schedule="fast", sequences=1)),
        (["--weights", "w", "--vllm", '{"dtype": "float16"}'], LlamaCpp(sequences=1)),
        (["--target", "vllm", "--checkpoint", "w", "--vllm", '{"dtype": "float16"}'], Vllm(dtype="float16")),
        (["--target", "api", "--served", SERVED], Served(url="http://localhost:8000/v1", model="big")),
    ],
)
def test_a_target_is_given_its_own_settings(asked: list[Subject], options: list[str], settings: Section) -> None:
    command(*options)
    assert asked[0].settings == settings


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--weights", "w", "--served", SERVED], "target 'cpu' does not go with"),
        (["--target", "api"], "--served: 2 problems"),
        (["--target", "tpu", "--weights", "w"], "there is no target 'tpu'"),
        (["--target", "vllm", "--checkpoint", "w", "--vllm", '{"dtypes": 1}'], "--vllm: 1 problem"),
        (["--weights", "w", "--engine", '{"schedule": "slow"}'], "--engine, --threads, --sequences: 1 problem"),
    ],
)
def test_wrong_options_are_named(asked: list[Subject], options: list[str], problem: str) -> None:
    result = command(*options)
    assert problem in str(result.exception) + result.output
    assert asked == []
