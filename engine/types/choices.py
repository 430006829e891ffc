"""The choice of a plug-in with its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_serializer, model_validator

from engine.types.frozen import Frozen


class Choice(Frozen):
    """A plug-in by name, with the options that were set; the others keep their defaults.

    Written as the name alone, or as {name: {option: value}} when an option was set.
    """

    name: Annotated[str, Field(min_length=1)]
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _of_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Choice) or (isinstance(value, Mapping) and isinstance(value.get("name"), str)):
            return value
        if not isinstance(value, Mapping) or len(value) != 1:
            raise ValueError("give a name, or one name with its options as {name: {option: value}}")
        [(name, options)] = value.items()
        return {"name": name, "options": {} if options is None else options}

    @model_serializer
    def _as_name(self) -> str | dict[str, Any]:
        return {self.name: self.options} if self.options else self.name
