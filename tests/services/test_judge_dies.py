"""A judge's server that dies half-way: what it decided is kept, and nothing that it decided is asked again."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.items.make import make_items
from medeval.records import tables
from medeval.responses.engines.openai_client import SIMPLE_QUESTION
from tests.services.chat_server import Answer, ChatServer, completion

Serve = Callable[..., ChatServer]
ROWS = Path(__file__).parents[2] / "config/demo/healthbench/oss_eval.demo.jsonl"
GOOD = '{"explanation": "It says so.", "criteria_met": true}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conversations of the demo with a response to each."""
    folder = tmp_path_factory.mktemp("graded")
    shutil.copy(ROWS, folder / ROWS.name)
    make_items("healthbench", [folder / ROWS.name], folder / "conversations.parquet", expected=None, command="test")
    rows = [
        {
            "run_id": "r", "model": "m", "variant": "v", "target": "cpu", "benchmark": "healthbench",
            "item_id": row["item_id"], "sample": 0, "mode": "generate", "prompt_sha256": "0", "finish_reason": "stop",
            "prompt_tokens": 1, "generated_tokens": 1, "text": f"See a doctor about {row['item_id']}.",
        }
        for row in tables.read(folder / "conversations.parquet", tables.CONVERSATIONS).to_pylist()
    ]  # fmt: skip
    tables.write(folder / "responses.parquet", tables.build(tables.RESPONSES, rows), tables.RESPONSES, command="test")
    return folder


def grade(folder: Path, out: Path, server: ChatServer, **settings: Any) -> tuple[int, str]:
    judge = {"type": "api", "url": server.url, "model": "model", **settings}
    options = {"conversations": folder / "conversations.parquet", "responses": folder / "responses.parquet", "out": out}
    command = ["grade", "--judge", json.dumps(judge)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    result = CliRunner().invoke(main, command)
    return result.exit_code, result.output


def dying(after: int) -> tuple[Callable[[str, int], Answer], list[str], list[ChatServer]]:
    """Return a server's reply that fails for good after some calls, what it answered, and where to put the server."""
    answered: list[str] = []
    server: list[ChatServer] = []
    lock = threading.Lock()

    def reply(text: str, _: int) -> Answer:
        with lock:
            if len(answered) == after:
                threading.Thread(target=server[0].close).start()
            if len(answered) >= after:
                return Answer({}, cut=True)
            answered.append(text)
            return completion(GOOD)

    return reply, answered, server


@pytest.mark.parametrize("concurrency", [1, 4])
def test_grades_are_kept_and_only_the_missing_ones_are_asked_again(
    folder: Path, tmp_path: Path, serve: Serve, waits: list[float], concurrency: int
) -> None:
    out = tmp_path / "grades.parquet"
    reply, answered, place = dying(20)
    first = ChatServer(reply)
    place.append(first)
    code, said = grade(folder, out, first, concurrency=concurrency)
    assert code == 2
    [journal] = tmp_path.glob("*.journal")
    kept = journal.read_text().count('"kind": "result"')
    assert 20 - (concurrency - 1) <= kept <= 20  # what was under way when the server died may be lost
    total = sum(
        len(row["rubrics"]) for row in tables.read(folder / "conversations.parquet", tables.CONVERSATIONS).to_pylist()
    )
    assert f"{total - kept} of {total} grades are missing, the other {kept} are kept in {journal}" in said
    assert "The same command asks for the missing grades only" in said
    assert not out.exists()
    second = serve(lambda *_: completion(GOOD), port=first.port)
    code, said = grade(folder, out, second, concurrency=concurrency)
    assert (code, f"{total} graded" in said) == (0, True)
    asked = [text for text in second.asked if text != SIMPLE_QUESTION[0]["content"]]
    assert len(asked) == len(set(asked)) == total - kept
    assert len(set(asked) & set(answered)) == 20 - kept
    grades = tables.read(out, tables.GRADES).to_pylist()
    assert [row["met"] for row in grades] == [True] * total
    assert journal.exists()


def test_one_call_per_conversation_continues_likewise(
    folder: Path, tmp_path: Path, serve: Serve, waits: list[float]
) -> None:
    conversations = tables.read(folder / "conversations.parquet", tables.CONVERSATIONS).to_pylist()
    most = max(len(row["rubrics"]) for row in conversations)
    listed = json.dumps([{"criterion": i, "criteria_met": i % 2 == 0} for i in range(1, most + 1)])

    def whole(text: str, _: int) -> Answer:
        count = int(text.split("one object for each of the ")[1].split()[0])
        return completion(json.dumps(json.loads(listed)[:count]))

    reply, answered, place = dying(5)
    first = ChatServer(lambda text, n: whole(text, n) if (answer := reply(text, n)).document else answer)
    place.append(first)
    out = tmp_path / "grades.parquet"
    assert grade(folder, out, first, concurrency=1, mode="conversation")[0] == 2
    second = serve(whole, port=first.port)
    assert grade(folder, out, second, concurrency=1, mode="conversation")[0] == 0
    assert len(answered) == 5 and len(second.asked) == len(conversations) - 5
    assert not set(second.asked) & set(answered)
    grades = tables.read(out, tables.GRADES).to_pylist()
    assert [row["met"] for row in grades] == [row["criterion_index"] % 2 == 1 for row in grades]
    assert {row["judge"] for row in grades} != set() and all("one call per conversation" in r["judge"] for r in grades)


def test_another_judge_neither_uses_nor_destroys_the_grades_of_the_first(
    folder: Path, tmp_path: Path, serve: Serve, waits: list[float]
) -> None:
    reply, _, place = dying(5)
    first = ChatServer(reply)
    place.append(first)
    out = tmp_path / "grades.parquet"
    assert grade(folder, out, first, concurrency=1)[0] == 2
    [journal] = tmp_path.glob("*.journal")
    before = journal.read_bytes()
    second = serve(lambda *_: completion("no grade"), port=first.port)
    code, said = grade(folder, out, second, concurrency=8, mode="conversation")
    grades = tables.read(out, tables.GRADES).to_pylist()
    assert code == 0 and f"{len(grades)} unusable" in said
    assert {row["met"] for row in grades} == {None}
    assert journal.read_bytes().startswith(before)
