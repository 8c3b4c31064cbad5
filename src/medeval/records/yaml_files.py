"""The only reader of YAML: documents in, errors that name the file and the line or key."""

import difflib
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from medeval.errors import MedevalError

# libyaml's loader reads the same YAML about ten times faster, but not every build of PyYAML has it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE_TAG = "tag:yaml.org,2002:merge"
# Keys that name an entry of a list better than its position does.
_NAMING_KEYS = ("id", "key", "name", "model")

ModelT = TypeVar("ModelT", bound=BaseModel)


class _UniqueKeyLoader(_Base):  # type: ignore[misc]
    """A safe loader for which a repeated key is an error: the first value would vanish unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == _MERGE_TAG:
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice, first on line {seen[key]}", key_node.start_mark
                )
            if isinstance(key, Hashable):
                seen[key] = line
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def load_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML document whose top level is a mapping.

    Raises:
        MedevalError: The file is missing, is not UTF-8 or YAML, repeats a key, or holds no mapping.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 (safe)
    except FileNotFoundError:
        raise MedevalError(f"{path}: no such file", "Correct the path, or write the file.") from None
    except (IsADirectoryError, PermissionError, UnicodeDecodeError) as error:
        raise MedevalError(
            f"{path}: cannot be read as text ({error})", "Give the path of a UTF-8 YAML file."
        ) from error
    except yaml.YAMLError as error:
        raise MedevalError(f"{path}{_line(error)}: {_reason(error)}", "Correct that line of the file.") from error
    if not isinstance(document, dict):
        found = "nothing" if document is None else type(document).__name__
        raise MedevalError(
            f"{path}: expected keys and values at the top level, found {found}",
            "Write `key: value` lines, unindented, as the file's top level.",
        )
    return document


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"


def _reason(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None)
    return f"not valid YAML: {problem or error}"


def validate(
    model_class: type[ModelT],
    document: dict[str, Any],
    path: Path,
    *,
    remedy: str = "Correct these keys in the file.",
) -> ModelT:
    """Return the document as an instance of a pydantic model; `path` is the file that errors name.

    Raises:
        MedevalError: One error with a line per problem: the key's path, what was expected there and,
            for an unknown key, the nearest valid one.
    """
    try:
        return model_class.model_validate(document)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        lines = [f"{_key_path(problem, document)}: {_expected(problem, model_class)}" for problem in problems]
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise MedevalError(f"{path}: {count}\n" + "\n".join(f"  {line}" for line in lines), remedy) from error


def _key_path(problem: ErrorDetails, document: Any) -> str:
    """Write a location such as `models[3](MedPsy-4B).tokens.mean`, with the names of list entries."""
    text, place = "", document
    missing = problem["loc"][-1:] if problem["type"] == "missing" else ()
    for step in problem["loc"]:
        if isinstance(step, int):
            place = place[step] if isinstance(place, list) and step < len(place) else None
            text += f"[{step}]{_entry_name(place)}"
        elif isinstance(place, list | str) or (isinstance(place, dict) and step not in place and step not in missing):
            continue  # the tag of a union, which is no key of the file
        else:
            place = place.get(step) if isinstance(place, dict) else None
            text += f".{step}" if text else step
    return text or "top level"


def _entry_name(entry: Any) -> str:
    names = [entry[key] for key in _NAMING_KEYS if key in entry] if isinstance(entry, dict) else []
    return f"({names[0]})" if names else ""


def _expected(problem: ErrorDetails, model_class: type[BaseModel]) -> str:
    if problem["type"] == "missing":
        return "this key is missing and has no default"
    if problem["type"] == "extra_forbidden":
        return "unknown key" + _suggestion(str(problem["loc"][-1]), _valid_keys(model_class, problem["loc"][:-1]))
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return message
    return f"{message[:1].lower()}{message[1:]}, found {problem['input']!r}"


def _suggestion(unknown: str, valid: list[str]) -> str:
    nearest = difflib.get_close_matches(unknown, valid, n=1, cutoff=0.5)
    if nearest:
        return f"; did you mean `{nearest[0]}`?"
    return f"; valid here: {', '.join(valid)}" if valid else ""


def _valid_keys(model_class: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """Return the keys that are valid at a location, following the fields' annotations down to it."""
    classes = [model_class]
    for step in location:
        inner = [field.annotation for cls in classes if (field := cls.model_fields.get(str(step))) is not None]
        if inner:  # otherwise the step is a position, the key of a free mapping or a union's tag: same classes
            classes = [cls for annotation in inner for cls in _model_classes(annotation)]
    return sorted({name for cls in classes for name in cls.model_fields})


def _model_classes(annotation: Any) -> list[type[BaseModel]]:
    """Return every pydantic class inside an annotation such as `list[Model] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [cls for part in get_args(annotation) for cls in _model_classes(part)]
