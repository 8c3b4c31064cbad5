"""How llama.cpp names the files of split weights: NAME-00001-of-00003.gguf, numbered from 1, all in one folder."""

import re
from dataclasses import dataclass, replace
from typing import Self

_NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")


@dataclass(frozen=True)
class PartName:
    """The name of part `number` of `count`, from 1."""

    stem: str
    number: int
    count: int

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return what a file's name says, or None for a name of another form."""
        found = _NAME.fullmatch(name)
        return cls(found[1], int(found[2]), int(found[3])) if found else None

    def __str__(self) -> str:
        """Return the file's name."""
        return f"{self.stem}-{self.place}.gguf"

    @property
    def place(self) -> str:
        """Number and count as they stand in the name, such as 00001-of-00003."""
        return f"{self.number:05}-of-{self.count:05}"

    def all(self) -> list[Self]:
        """Return the name of every part, in order."""
        return [replace(self, number=number) for number in range(1, self.count + 1)]
