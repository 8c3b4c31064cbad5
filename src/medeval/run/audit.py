"""The configuration of a risk-limiting audit."""

from pydantic import Field, field_validator

from medeval.run.section import Section


class Audit(Section):
    """Claims that `snakemake audit` decides on as few items as a stated risk allows."""

    seed: str = Field(
        description="Public text on one line that fixes the order of the items, such as dice rolled after claims and "
        "items were fixed."
    )
    risk: float = Field(0.05, gt=0, le=0.5, description="Chance that the verdict on a claim is ever wrong.")
    claims: list[str] = Field(default_factory=list, description="Ids of the claims that are audited; none: all.")
    target: str | None = Field(None, description="Target that answers; null: the first of the run's.")
    max_items: int | None = Field(None, ge=1, description="Most items that one system is asked; null: no limit.")
    max_hours: float | None = Field(
        None, gt=0, description="Most hours of answering and judging, all systems together; null: no limit."
    )
    first_rounds: int = Field(16, ge=1, description="Rounds before the first look.")
    growth: float = Field(1.25, ge=1, le=4, description="Rounds at the next look over those at the last.")

    @field_validator("seed")
    @classmethod
    def _is_one_line(cls, seed: str) -> str:
        if not seed.strip() or len(seed.splitlines()) != 1:
            raise ValueError(f"{seed!r} is no text on one line")
        return seed
