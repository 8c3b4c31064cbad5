"""What is compared: a weights file of a model on a target."""

from dataclasses import dataclass

# The columns that name a system in every table, in the order of the fields of `System`.
SYSTEM = ("model", "variant", "target")


@dataclass(frozen=True, order=True)
class System:
    """One weights file on one target."""

    model: str
    variant: str
    target: str

    @property
    def name(self) -> str:
        """MODEL/VARIANT."""
        return f"{self.model}/{self.variant}"

    def __str__(self) -> str:
        return f"{self.model}/{self.variant}/{self.target}"
