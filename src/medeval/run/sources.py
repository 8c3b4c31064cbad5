"""Where a file comes from: a hub revision, a PyPI package, or this machine. Always pinned."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError

from medeval.errors import MedevalError
from medeval.records.gguf_parts import PartName

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file, 64 hexadecimal digits.")]
Commit = Annotated[
    str, Field(pattern=r"^[0-9a-f]{40}$", description="A commit of the repository, 40 hexadecimal digits.")
]


def _inside(path: str) -> str:
    """Refuse a path that leaves its folder, since caches and mirrors place files by it."""
    if path.startswith("/") or not path or {"", ".", ".."} & set(path.split("/")):
        raise ValueError(f"{path!r} is not a path inside the repository or package")
    return path


InnerPath = Annotated[str, AfterValidator(_inside)]


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HubSource(_Source):
    """One file of a Hugging Face repository at one commit."""

    type: Literal["hub"]
    repo: str = Field(pattern=r"^[^/]+/[^/]+$", description="Repository, `owner/name`.")
    kind: Literal["model", "dataset"] = Field("model", description="Kind of repository.")
    revision: Commit | None = Field(None, description="Commit to read; a run refuses a source without one.")
    file: InnerPath = Field(description="Path of the file in the repository.")
    size: int | None = Field(None, ge=0, description="Expected size in bytes; checked when given, recorded always.")
    sha256: Sha256 | None = Field(None, description="Expected SHA-256; checked when given, recorded always.")


class PypiSource(_Source):
    """One file inside a package on the Python package index."""

    type: Literal["pypi"]
    package: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="Name of the package.")
    version: str = Field(pattern=r"^[A-Za-z0-9.!+_-]+$", description="Exact version of the package.")
    member: InnerPath = Field(description="Path of the file inside the wheel or source archive.")
    sha256: Sha256 = Field(description="SHA-256 of the file after extraction.")


class FileSource(_Source):
    """A file of this machine."""

    type: Literal["file"]
    path: Path = Field(description="Path, relative to the folder where the command runs or else to the project's.")
    sha256: Sha256 | None = Field(None, description="Expected SHA-256; checked when given, recorded always.")


Source = Annotated[HubSource | PypiSource | FileSource, Field(discriminator="type")]

AnySource = HubSource | PypiSource | FileSource

_ADAPTER: TypeAdapter[AnySource] = TypeAdapter(Source)


def _whole(source: AnySource) -> AnySource:
    """Refuse one part of split weights: llama.cpp loads all of them or none."""
    name = PartName.parse(source_name(source))
    if name is not None and name.count > 1:
        raise ValueError(
            f"{name} is part {name.number} of {name.count} of split weights: give a list with the source of every part"
        )
    return source


def _all_parts(sources: list[AnySource]) -> list[AnySource]:
    """Refuse a list that is not every part of the same split weights, in order."""
    names = [source_name(source) for source in sources]
    first = PartName.parse(names[0])
    if first is None or names != [str(part) for part in first.all()]:
        raise ValueError(
            f"found {', '.join(names)}; a list names every part of split weights in order, "
            f"{PartName('NAME', 1, len(names))} and so on"
        )
    return sources


def _tag(value: Any) -> str:
    return "parts" if isinstance(value, list) else "whole"


# Weights in one file, or the parts of split weights.
WeightsSource = Annotated[
    Annotated[Source, AfterValidator(_whole), Tag("whole")]
    | Annotated[list[Source], Field(min_length=1), AfterValidator(_all_parts), Tag("parts")],
    Discriminator(_tag),
]


def files_of(source: AnySource | list[AnySource] | None) -> list[AnySource]:
    """Return the source of each file of weights, in order; none for weights that are not fetched."""
    return source if isinstance(source, list) else [] if source is None else [source]


def parse_source(text: str) -> AnySource:
    """Read a source from the JSON that rules pass on the command line.

    Raises:
        MedevalError: The JSON is not a complete source.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise MedevalError(
            f"--source {text}: {error.error_count()} error(s), first: {error.errors()[0]['msg']}",
            'Give JSON such as {"type": "file", "path": "rows.jsonl"}; docs/run/configuration.md lists every key.',
        ) from error


def path_of(source: AnySource) -> str:
    """Return the path of the file where it comes from: in its repository, its package or on this machine."""
    match source:
        case HubSource():
            return source.file
        case PypiSource():
            return source.member
        case FileSource():
            return str(source.path)


def source_name(source: AnySource) -> str:
    """Return the file name of a source, which some loaders read meaning from."""
    return Path(path_of(source)).name


def describe(source: AnySource) -> str:
    """Return one line that names the exact file, for logs and reports."""
    match source:
        case HubSource():
            return f"hub {source.kind} {source.repo}@{source.revision or 'NOT PINNED'}:{source.file}"
        case PypiSource():
            return f"PyPI {source.package}=={source.version}:{source.member}"
        case FileSource():
            return f"file {source.path}"


def describe_all(sources: Sequence[AnySource]) -> str:
    """Return one line for files that belong together: how many there are, and the first."""
    return f"{len(sources)} files, first {describe(sources[0])}" if len(sources) > 1 else describe(sources[0])
