"""What an OpenAI-compatible server says about itself, asked before anything else."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from medeval.errors import MedevalError
from medeval.records.files import sha256_text
from medeval.responses.engines.openai_client import SIMPLE_QUESTION, Client, RequestError
from medeval.responses.engines.openai_endpoint import address_of, remedy_for

_LISTED_MODELS = 20
# Of a model's entry; the others hold times and random names.
_LASTING_KEYS = ("id", "owned_by", "root", "parent", "max_model_len", "meta")
_PROPERTIES_OF_LLAMA_CPP = ("build_info", "model_path", "model_ftype", "total_slots", "default_generation_settings")


@dataclass(frozen=True)
class Server:
    """A server that has the wanted model.

    Attributes:
        kind: How the server signs its models: `llamacpp`, `vllm`, ...; None when it does not say.
        facts: What may change a result, as JSON values.
        chat_template: The chat template, from a server that shows it (llama.cpp).
    """

    kind: str | None
    facts: Mapping[str, Any]
    chat_template: str | None


class _Entry(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: str
    owned_by: str | None = None
    aliases: list[str] | None = None  # llama.cpp


class _Models(BaseModel):
    data: list[_Entry]


def inspect_server(client: Client) -> Server:
    """Ask a server for its models, and a llama.cpp or vLLM server for its build.

    Raises:
        MedevalError: The server cannot be reached, refuses the key, or does not have the model.
    """
    entry = _entry(client)
    kind = entry.get("owned_by") if entry else None
    facts: dict[str, Any] = {"model": entry and {key: entry[key] for key in _LASTING_KEYS if key in entry}}
    root = client.served.url.rstrip("/").removesuffix("/v1")
    if kind == "llamacpp":
        properties = _optional(client, f"{root}/props")
        template = properties.get("chat_template")
        facts["properties"] = {key: properties[key] for key in _PROPERTIES_OF_LLAMA_CPP if key in properties}
        facts["chat_template_sha256"] = sha256_text(template) if template else None
        return Server(kind, _without_folders(facts), template)
    if kind == "vllm":
        facts["version"] = _optional(client, f"{root}/version").get("version")
    return Server(kind, _without_folders(facts), None)


def _entry(client: Client) -> dict[str, Any] | None:
    """Return what the server's list says about the wanted model; None from a server without a list."""
    served, url = client.served, address_of(client.served, "models")
    try:
        document = client.get(url)
    except RequestError as error:
        if error.status not in (404, 405, 501):
            raise MedevalError(error.reason, remedy_for(served, error.status)) from error
        _answer_something(client)
        return None
    try:
        models = _Models.model_validate(document).data
    except ValidationError as error:
        raise MedevalError(f"{url} answered with what is no list of models", remedy_for(served, 404)) from error
    for model in models:
        if served.model in (model.id, *(model.aliases or ())):
            return model.model_dump(exclude_none=True)
    names = _listing([model.id for model in models], served.model)
    raise MedevalError(
        f"{served.url} has no model {served.model!r}; it has {names}",
        "Set `model` to a name that the server knows, or have it load that model.",
    )


def _answer_something(client: Client) -> None:
    """Have the server answer a simple question: without a list of models, only that shows that it has this one.

    Raises:
        MedevalError: It does not answer.
    """
    for _ in client.stream([{"messages": SIMPLE_QUESTION, "max_tokens": 1}]):
        pass


def _listing(names: list[str], wanted: str) -> str:
    """List the names that resemble the wanted one most, and count the others."""
    shown = difflib.get_close_matches(wanted, names, n=_LISTED_MODELS, cutoff=0.0)
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return (", ".join(shown) or "none") + more


def _optional(client: Client, url: str) -> dict[str, Any]:
    """Return a document that a server may have switched off; then its keys are missing from the record."""
    try:
        document = client.get(url)
    except RequestError as error:
        if error.passes:
            raise MedevalError(error.reason, remedy_for(client.served, error.status)) from error
        return {}
    return document if isinstance(document, dict) else {}


def _without_folders(value: Any) -> Any:
    """Reduce absolute paths to their last part: where a server keeps its files changes nothing."""
    if isinstance(value, Mapping):
        return {key: _without_folders(part) for key, part in value.items()}
    return PurePosixPath(value).name if isinstance(value, str) and value.startswith("/") else value
