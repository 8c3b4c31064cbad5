"""Which measured system stands for which name of a publication, and why."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medeval.comparisons.matching import PUBLISHED
from medeval.errors import MedevalError
from medeval.publication.claims import WeightFile
from medeval.publication.publication import Publication

_UNQUANTIZED = ("bf16", "f16", "f32")
_QUANTIZED = re.compile(rf"^(?:{PUBLISHED})?i?q\d", re.IGNORECASE)


@dataclass(frozen=True)
class SubjectMatch:
    """A published name and what stands for it.

    Attributes:
        name: The publication's id of a model or weights file.
        system: MODEL/VARIANT; None when nothing stands for it.
        why: How it was found, or why it was not and what to do.
    """

    name: str
    system: str | None
    why: str


def match_subjects(
    publication: Publication, systems: Sequence[str], given: Mapping[str, str]
) -> dict[str, SubjectMatch]:
    """Find what stands for each model and weights file that the claims name.

    What is given counts. Otherwise a system counts whose name is the published one but for case and punctuation: for a
    model its only unquantized file, for a weights file the one called after its type.

    Args:
        publication: The publication.
        systems: MODEL/VARIANT of everything that was measured.
        given: Published name -> MODEL/VARIANT.

    Raises:
        MedevalError: A given name is not one of the publication's.
    """
    known = {model.id for model in publication.models} | {file.id for file in publication.weights}
    if unknown := sorted(set(given) - known):
        raise MedevalError(
            f"the publication knows no {', '.join(unknown)}; it knows: {', '.join(sorted(known))}",
            "Correct the name in --subject, or in `published_as` of the run.",
        )
    sides = [side for claim in publication.claims for part in claim.comparisons for side in (part.a, part.b)]
    names = [name for name in dict.fromkeys(sides) if name is not None]
    return {
        name: SubjectMatch(name, given[name], "given") if name in given else _find(publication, name, systems)
        for name in names
    }


def _find(publication: Publication, name: str, systems: Sequence[str]) -> SubjectMatch:
    file = publication.weight(name)
    found = _of_model(publication, file.model if file else name, systems)
    matching = [system for system in found if file is None or _is_file(system, file)]
    if file is None and len(matching) > 1:
        matching = [system for system in matching if _variant(system).casefold() in _UNQUANTIZED]
    if file is None and len(matching) == 1 and _QUANTIZED.match(_variant(matching[0])):
        return _none(name, systems, f"only the quantized {matching[0]} was measured of {name}")
    if len(matching) == 1:
        return SubjectMatch(name, matching[0], "the names agree")
    several = f"{', '.join(found)} could each stand for {name}" if found else f"nothing that was measured is {name}"
    return _none(name, systems, several)


def _none(name: str, systems: Sequence[str], why: str) -> SubjectMatch:
    wanted = f"say what stands for it with --subject '{name}=MODEL/VARIANT' (measured: {', '.join(systems)})"
    return SubjectMatch(name, None, f"{why}; {wanted}")


def _of_model(publication: Publication, model_id: str, systems: Sequence[str]) -> list[str]:
    model = publication.model(model_id)
    names = {model_id, model.label, model.hub or "", (model.hub or "").rpartition("/")[2]} if model else {model_id}
    known = {_plain(text) for text in names if text}
    return [system for system in systems if _plain(system.rpartition("/")[0]) in known]


def _is_file(system: str, file: WeightFile) -> bool:
    """Whether a variant is called as the publisher's own file; a file of its type made here is not the same file."""
    kind = file.quantization.casefold()
    names = {file.id, f"{PUBLISHED}{kind}", (file.file or "").removesuffix(".gguf")}
    names |= {kind} if kind in _UNQUANTIZED else set()
    return _plain(_variant(system)) in {_plain(text) for text in names if text}


def _variant(system: str) -> str:
    return system.rpartition("/")[2]


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())
