"""Where a file comes from: a hub revision, a PyPI package, or this machine. Always pinned."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from medeval.errors import MedevalError

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file, 64 hexadecimal digits.")]
Commit = Annotated[
    str, Field(pattern=r"^[0-9a-f]{40}$", description="A commit of the repository, 40 hexadecimal digits.")
]


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HubSource(_Source):
    """One file of a Hugging Face repository at one commit."""

    type: Literal["hub"]
    repo: str = Field(pattern=r"^[^/]+/[^/]+$", description="Repository, `owner/name`.")
    kind: Literal["model", "dataset"] = Field("model", description="Kind of repository.")
    revision: Commit | None = Field(None, description="Commit to read; a run refuses a source without one.")
    file: str = Field(description="Path of the file in the repository.")
    sha256: Sha256 | None = Field(None, description="Expected SHA-256; checked when given, recorded always.")


class PypiSource(_Source):
    """One file inside a package on the Python package index."""

    type: Literal["pypi"]
    package: str = Field(description="Name of the package.")
    version: str = Field(description="Exact version of the package.")
    member: str = Field(description="Path of the file inside the wheel or source archive.")
    sha256: Sha256 = Field(description="SHA-256 of the file after extraction.")


class FileSource(_Source):
    """A file of this machine."""

    type: Literal["file"]
    path: Path = Field(description="Path, relative to the folder where the command runs.")
    sha256: Sha256 | None = Field(None, description="Expected SHA-256; checked when given, recorded always.")


Source = Annotated[HubSource | PypiSource | FileSource, Field(discriminator="type")]

_ADAPTER: TypeAdapter[HubSource | PypiSource | FileSource] = TypeAdapter(Source)


def parse_source(text: str) -> HubSource | PypiSource | FileSource:
    """Read a source from the JSON that rules pass on the command line.

    Raises:
        MedevalError: The JSON is not a complete source.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise MedevalError(
            f"--source {text}: {error.error_count()} error(s), first: {error.errors()[0]['msg']}",
            'Give JSON such as {"type": "file", "path": "rows.jsonl"}; docs/configuration.md lists every key.',
        ) from error


def describe(source: HubSource | PypiSource | FileSource) -> str:
    """Return one line that names the exact file, for logs and reports."""
    match source:
        case HubSource():
            return f"hub {source.kind} {source.repo}@{source.revision or 'NOT PINNED'}:{source.file}"
        case PypiSource():
            return f"PyPI {source.package}=={source.version}:{source.member}"
        case FileSource():
            return f"file {source.path}"
