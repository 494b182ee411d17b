"""What was measured in a period, as an Intervention's status keeps it."""

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from vanguard.api.base import DecimalText, Model, Name, Time, keyed_by


def _samples(text: object) -> object:
    return tuple(Decimal(word) for word in text.split()) if isinstance(text, str) else text


# One line of text: a list of sixty would bury everything else in `kubectl describe`.
Samples = Annotated[
    tuple[Decimal, ...],
    BeforeValidator(_samples),
    PlainSerializer(lambda values: " ".join(format(value, "f") for value in values)),
    WithJsonSchema({"type": "string", "maxLength": 2048, "description": "Decimal numbers, separated by spaces."}),
]


class Sampling(Model):
    """The samples of one query in one period, oldest first, at most 60."""

    name: Name
    values: Samples
    median: DecimalText | None = None


class Period(Model):
    """What was measured from one time to another."""

    from_: Annotated[Time, Field(alias="from")]
    until: Time
    samplings: Annotated[tuple[Sampling, ...], Field(max_length=9, json_schema_extra=keyed_by("name"))] = ()
