"""What a field of an event must be for a scenario to follow it."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError

from processors.config import Config
from processors.durations import parse_duration

Scalar = str | int | float | bool


def _number(value: Any) -> Any:
    """A number, or a duration as its milliseconds."""
    return parse_duration(value) if isinstance(value, str) and not value.isdigit() else value


Bounded = Annotated[int | float, BeforeValidator(_number)]


class Bound(Config):
    """A field that is no less than, or no more than; durations in ms."""

    at_least: Bounded | None = None
    at_most: Bounded | None = None

    def holds(self, value: Any) -> bool:
        """Whether a field's value lies within; one that is not there does not."""
        return (
            value is not None
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )


def _bound(value: Any) -> Any:
    """A mapping as a bound; all else as it is."""
    if not isinstance(value, dict):
        return value
    if not value or not set(value) <= set(Bound.model_fields):
        raise ValueError("write a bound like {at_least: 3d} or {at_most: 5}")
    try:
        return Bound.model_validate(value)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


Wanted = Annotated[Scalar | list[Scalar] | Bound, BeforeValidator(_bound)]
Where = dict[str, Wanted]
"""Fields of an event, and what each must be."""
