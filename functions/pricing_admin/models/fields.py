"""Fields that several requests and answers of pricing have."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from stoa.http.request_schemas import exact
from stoa.workflows.pricing.dates import moment

ModelKind = Literal["external", "self_hosted"]
Frequency = Literal["hourly", "daily", "weekly"]
# The values of price_book.source.
Source = Literal["initial", "config", "bulk", "override", "override_end", "base", "sync"]

# The schema lets fractions and percentages out of range through, because the rules refuse them with a hint where they
# look like the other unit.
Fraction = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(max_digits=14, decimal_places=6),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 10}),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(max_digits=12, decimal_places=4),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1000}),
]
Threshold = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, le=1000, max_digits=8, decimal_places=4),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1000}),
]
Charge = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, le=1000, max_digits=13, decimal_places=9),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1000}),
]


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("send a time such as 2027-03-28T02:30:00+01:00")
    return moment(value)


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
