"""Gated repositories: three refusals that a user can tell apart, and a token that is never shown."""

import logging
import traceback
from pathlib import Path

import pytest

from tests.services.hub.conftest import COMMIT, FINE_GRAINED, GOOD, REVOKED, WEIGHTS, WITHOUT_ACCESS, Machine
from tests.services.hub.server import Hub, sha256

NAME = f"medeval: hub model owner/gated@{COMMIT}:weights.gguf: "


def refused(machine: Machine, token: str | None) -> tuple[str, str]:
    """Return problem and remedy that a user sees without access."""
    machine.token = token
    result = machine.fetch(repo="owner/gated")
    assert result.returncode == 2
    assert machine.files() == set()
    problem, _, remedy = result.stderr[result.stderr.index("medeval: ") :].partition("\n  -> ")
    assert problem.startswith(NAME)
    return problem.removeprefix(NAME), remedy.strip()


def test_no_token(hub: Hub, machine: Machine) -> None:
    problem, remedy = refused(machine, None)
    assert problem == "the repository is gated, and this machine has no access token"
    assert remedy == (
        f"Accept the terms on {hub.url}/owner/gated, make a token on {hub.url}/settings/tokens, run `hf auth login`,"
        " then run the same command again."
    )


def test_a_token_of_an_account_without_access(hub: Hub, machine: Machine) -> None:
    problem, remedy = refused(machine, WITHOUT_ACCESS)
    assert "gated, and the account of this machine's token has not been given access" in problem
    assert "you are not in the authorized list" in problem
    assert remedy == (
        f"Accept the terms on {hub.url}/owner/gated with the account that `hf auth whoami` names,"
        " then run the same command again."
    )


def test_a_revoked_token(hub: Hub, machine: Machine) -> None:
    problem, remedy = refused(machine, REVOKED)
    assert problem == "the hub does not accept this machine's access token: it is invalid, expired or revoked"
    assert remedy.startswith(f"Make a new token on {hub.url}/settings/tokens, run `unset HF_TOKEN` and `hf auth login`")


def test_a_revoked_token_in_the_token_file_is_replaced_by_logging_in(hub: Hub, machine: Machine) -> None:
    (machine.folder / "home").mkdir()
    (machine.folder / "home" / "token").write_text(REVOKED)
    result = machine.fetch(repo="owner/gated")
    assert "run `hf auth login --force`" in result.stderr
    assert REVOKED not in result.stderr


def test_a_revoked_token_is_named_for_an_open_repository_too(machine: Machine) -> None:
    machine.token = REVOKED
    assert "invalid, expired or revoked" in machine.fetch().stderr


def test_a_token_that_may_not_read_gated_repositories(hub: Hub, machine: Machine) -> None:
    problem, remedy = refused(machine, FINE_GRAINED)
    assert problem.startswith("the access token may not read this repository")
    assert f"public gated repositories) on {hub.url}/settings/tokens" in remedy


def test_a_token_with_access_goes_to_the_hub_and_not_to_its_cdn(hub: Hub, machine: Machine) -> None:
    machine.token = GOOD
    result = machine.fetch(repo="owner/gated", sha256=sha256(WEIGHTS))
    assert result.returncode == 0, result.stderr
    assert machine.out.read_bytes() == WEIGHTS
    assert {seen.authorization for seen in hub.asked("HEAD", "resolve")} == {f"Bearer {GOOD}"}
    assert [seen.authorization for seen in hub.asked("GET", "cdn")] == [None]


@pytest.mark.parametrize("token", [GOOD, WITHOUT_ACCESS, REVOKED])
def test_a_token_appears_nowhere(hub: Hub, machine: Machine, token: str) -> None:
    machine.token = token
    hub.fail("GET", "cdn", cut_after=1000)
    hub.fail("GET", "resolve", status=503)
    result = machine.run("-v", "fetch", "--source", gated(), "--out", str(machine.out), HF_DEBUG="1")
    secrets = [token, "Signature", "Bearer hf_"]
    for text in (result.stdout, result.stderr, *(path.read_text("latin-1") for path in everything(machine.folder))):
        assert [secret for secret in secrets if secret in text] == []


def test_a_mirror_is_sent_no_token(hub: Hub, machine: Machine) -> None:
    machine.token = GOOD
    result = machine.fetch("--mirror", hub.url)
    assert result.returncode == 0, result.stderr
    assert {seen.authorization for seen in hub.seen} == {None}


def test_an_exception_carries_no_token_either(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The message, its traceback and every log line, with a hub that repeats the token in its reply."""
    from medeval.errors import MedevalError
    from medeval.hub.huggingface import look_up
    from medeval.run.sources import HubSource

    monkeypatch.setenv("HF_TOKEN", GOOD)
    message = f"Access is not for Bearer {GOOD}, see https://cdn.example/file?X-Amz-Signature=abc"
    hub.fail("HEAD", "resolve", status=403, headers={"X-Error-Message": message})
    with caplog.at_level(logging.DEBUG), pytest.raises(MedevalError) as caught:
        look_up(HubSource(type="hub", repo="owner/model", revision=COMMIT, file="weights.gguf"), endpoint=hub.url)
    shown = caplog.text + "".join(traceback.format_exception(caught.value))
    assert "Access is not for" in shown
    assert GOOD not in shown
    assert "Signature" not in shown


def gated() -> str:
    """Return the source of the gated file as JSON."""
    return f'{{"type": "hub", "repo": "owner/gated", "revision": "{COMMIT}", "file": "weights.gguf"}}'


def everything(folder: Path) -> list[Path]:
    """Return every file that a command left."""
    return [path for path in folder.rglob("*") if path.is_file()]
