"""The JSON schemas of configuration and documents, and the configuration's page: generated from the types."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from medeval.comparisons.document import Comparisons
from medeval.publication.desk_audit.findings import DeskAudit
from medeval.publication.publication import Publication
from medeval.records.documents import StageDocument
from medeval.run.config import RunConfig
from medeval.verdicts.document import Verdicts

SCHEMAS: dict[str, type[BaseModel]] = {"config": RunConfig, "publication": Publication}
DOCUMENTS: tuple[type[StageDocument], ...] = (Comparisons, DeskAudit, Verdicts)
PAGE = Path("docs/run/configuration.md")


def write_documentation(root: Path) -> list[Path]:
    """Write the schemas and the page below the project's root, and return their paths."""
    contents = documentation()
    for path, text in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return [root / path for path in contents]


def documentation() -> dict[Path, str]:
    """Return the text of every generated file by its path below the project's root."""
    schemas = {name: model.model_json_schema() for name, model in SCHEMAS.items()}
    documents = {kind.SCHEMA.split(".")[0]: kind.json_schema() for kind in DOCUMENTS}
    files = {
        Path(f"workflow/schemas/{name}.schema.json"): json.dumps(schema, indent=2) + "\n"
        for name, schema in (schemas | documents).items()
    }
    return files | {PAGE: _page(schemas["config"], schemas["publication"])}


def _page(config: dict[str, Any], publication: dict[str, Any]) -> str:
    lines = [
        "# Configuration",
        "",
        "<!-- Written by `medeval schema` from the types in src/medeval/run and src/medeval/publication. -->",
        "",
        "A run is one YAML file, such as `config/demo.yaml` or `config/medpsy.yaml`. `medeval check FILE` validates",
        "it and says what it will do. Unknown keys are errors. A relative path is looked up in the folder where the",
        "command runs and then in the project's, so that a run elsewhere needs copies of nothing that is shipped.",
        "",
        *_section("A run", config),
    ]
    for name, definition in config.get("$defs", {}).items():
        lines += _section(name, definition)
    lines += [
        "# Publication files",
        "",
        "What a publication printed and claims, such as `config/claims/medpsy.yaml`.",
        "",
    ]
    lines += _section("A publication", publication)
    for name, definition in publication.get("$defs", {}).items():
        lines += _section(name, definition)
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield " ".join(schema.get("description", "").split())
    yield ""
    yield "| key | type | default | meaning |"
    yield "| --- | --- | --- | --- |"
    required = schema.get("required", [])
    for name, value in schema.get("properties", {}).items():
        default = "required" if name in required else f"`{json.dumps(value.get('default'))}`"
        yield f"| `{name}` | {_type(value)} | {default} | {' '.join(value.get('description', '').split())} |"
    yield ""


def _type(schema: dict[str, Any]) -> str:
    """Describe a schema's type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(part) for part in schema[key])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and "additionalProperties" in schema:
        return (
            f"mapping to {_type(schema['additionalProperties'])}"
            if isinstance(schema["additionalProperties"], dict)
            else "mapping"
        )
    return str(schema.get("type", "anything"))
