"""Verdicts decided again: which claims are decided otherwise than before, and what went in otherwise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.verdicts.document import ClaimVerdict, Verdicts
from medeval.verdicts.verdict import Decision

_FOLLOWS_FROM_OTHERS = "comparisons"
_SHOWN_TABLES = 20


@dataclass(frozen=True)
class Changes:
    """What differs between two documents of verdicts on one publication, a line each.

    Attributes:
        verdicts: Claims that are decided otherwise, with their figures before and now; claims that came or went.
        flags: Claims with the same verdict and other flags.
        inputs: What the verdicts were decided from and is not the same.
    """

    verdicts: tuple[str, ...]
    flags: tuple[str, ...]
    inputs: tuple[str, ...]

    def __str__(self) -> str:
        """Write the changes for the terminal."""
        count = "1 verdict" if len(self.verdicts) == 1 else f"{len(self.verdicts)} verdicts"
        lines = [f"{count} changed:" if self.verdicts else "Every verdict is the same."]
        lines += [f"  {_printable(line)}" for line in (*self.verdicts, *self.flags)]
        if self.inputs:
            lines += ["What went in otherwise:", *(f"  {_printable(line)}" for line in self.inputs)]
        elif self.verdicts or self.flags:
            lines += ["Everything that went in is the same: the installed medeval decides otherwise."]
        return "\n".join(lines)


def _printable(text: str) -> str:
    """Show what a terminal would act on, such as an escape in a file's name, as text."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def read_earlier(path: Path, publication: str) -> Verdicts:
    """Read the verdicts of an earlier run on the publication of this title.

    Raises:
        MedevalError: The file is missing, is no verdicts document of the installed version, or is about another
            publication.
    """
    found = Verdicts.read(path)
    if found.publication != publication:
        raise MedevalError(
            f"{path}: verdicts on {found.publication!r}, expected some on {publication!r}",
            "Give the earlier verdicts on the same publication.",
        )
    return found


def changes(previous: Verdicts, now: Verdicts) -> Changes:
    """Compare verdicts with earlier ones on the same publication."""
    before, after = ({entry.claim_id: entry for entry in found.verdicts} for found in (previous, now))
    both = [(before[name], after[name]) for name in after if name in before]
    came = [f"{name}  new: {entry.verdict}" for name, entry in after.items() if name not in before]
    went = [f"{name}  gone: was {entry.verdict}" for name, entry in before.items() if name not in after]
    return Changes(
        verdicts=(*(_verdict(a, b) for a, b in both if a.verdict != b.verdict), *came, *went),
        flags=tuple(_flags(a, b) for a, b in both if a.verdict == b.verdict and a.flags != b.flags),
        inputs=tuple(_inputs(previous, now)),
    )


def _verdict(before: ClaimVerdict, now: ClaimVerdict) -> str:
    """Write one changed verdict, with the figures of the parts that moved."""
    lines = [f"{now.claim_id}  {before.verdict} -> {now.verdict}{_flags_between(before, now)}"]
    earlier = {_place(part): _found(part) for part in before.parts}
    for part in now.parts:
        was, found = earlier.get(_place(part), "not a part of the claim"), _found(part)
        lines += [f"       {_place(part)}: {was} -> {found}"] if was != found else []
    gone = [place for place in earlier if place not in map(_place, now.parts)]
    lines += [f"       {place}: {earlier[place]} -> not a part of the claim" for place in gone]
    return "\n".join(lines)


def _place(part: Decision) -> str:
    other, target = (f" and {part.b}" if part.b else ""), (f" on {part.target}" if part.target else "")
    return f"{part.metric}, {part.a}{other}{target}"


def _found(part: Decision) -> str:
    if part.estimate is None:
        return "nothing measured"
    ends = "" if part.low is None or part.high is None else f" ({part.low:+.2f} to {part.high:+.2f})"
    return f"{part.estimate:+.2f}{ends} {part.unit}"


def _flags(before: ClaimVerdict, now: ClaimVerdict) -> str:
    return f"{now.claim_id}  still {now.verdict}{_flags_between(before, now)}"


def _flags_between(before: ClaimVerdict, now: ClaimVerdict) -> str:
    raised = [f"+{flag}" for flag in now.flags if flag not in before.flags]
    dropped = [f"-{flag}" for flag in before.flags if flag not in now.flags]
    return f", flags {' '.join([*raised, *dropped])}" if raised or dropped else ""


def _inputs(before: Verdicts, now: Verdicts) -> Iterator[str]:
    """Yield what went in otherwise: files by their content, settings by their value."""
    old, new = (
        {name: digest for name, digest in found.inputs.items() if name != _FOLLOWS_FROM_OTHERS}
        for found in (before, now)
    )
    yield from _files(old, new)
    yield from _settings(before, now)
    tables = list(_files(before.measured.inputs, now.measured.inputs))
    yield from tables[:_SHOWN_TABLES]
    if len(tables) > _SHOWN_TABLES:
        yield f"{len(tables) - _SHOWN_TABLES} more tables; both documents list all under measured.inputs"


def _files(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield files whose content is not the same; one that only has another name is the same."""
    for name, digest in now.items():
        if name in before and before[name] != digest:
            yield f"{name}: {before[name][:12]} -> {digest[:12]}"
        elif name not in before and digest not in before.values():
            yield f"{name}: new"
    for name, digest in before.items():
        if name not in now and digest not in now.values():
            yield f"{name}: gone"


def _settings(before: Verdicts, now: Verdicts) -> Iterator[str]:
    old, new = (_named_settings(found) for found in (before, now))
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield f"{name}: {_shown(old.get(name))} -> {_shown(new.get(name))}"


def _named_settings(found: Verdicts) -> dict[str, Any]:
    measured = found.measured
    return {
        "headline": measured.headline,
        "margin_points": measured.margin_points,
        "seed": measured.seed,
        "references": measured.references,
        "targets": found.targets,
        "credible judge": "yes" if found.credible_judge else "no",
        **{f"what stands for {subject.name}": subject.system for subject in found.subjects},
        **{f"package {name}": versions for name, versions in measured.packages.items()},
    }


def _shown(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    return "nothing" if value is None else str(value)
