"""What every part of the configuration is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors and values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
