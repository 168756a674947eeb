"""What all blocks of a case file have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Block(BaseModel):
    """A mapping of the case file: unknown keys are refused, nothing is converted, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


class SourcedBlock(Block):
    """A block of material numbers, which says where they come from."""

    source: str | None = Field(default=None, description="where the numbers come from")


Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z][A-Za-z0-9_+\-]*$")]
Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
