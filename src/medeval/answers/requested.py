"""Find the requested form of an answer in a reply."""

import re
from collections.abc import Iterator, Sequence

_REQUESTED = re.compile(r"Answer:[ \t]*([A-Z])[ \t]*\.?[ \t]*(?=\n|\Z)")


def requested_lines(folded: str) -> Iterator[re.Match[str]]:
    """Yield the lines of the requested form, ``Answer: X`` and nothing else; the letter is the first group."""
    place = folded.find("Answer:")
    while place >= 0:
        before = folded[folded.rfind("\n", 0, place) + 1 : place]
        match = _REQUESTED.match(folded, place)
        if match and not before.strip(" \t"):
            yield match
        place = folded.find("Answer:", place + 1)


def letters_in_a_row(lines: Sequence[re.Match[str]]) -> list[str]:
    """Return the different letters of the last requested lines with nothing between them: more than one contradict."""
    letters = [lines[-1][1]]
    for line, below in zip(lines[-2::-1], lines[:0:-1], strict=True):
        if line.string[line.end() : below.start()].strip():
            break
        letters.append(line[1])
    return sorted(set(letters))
