"""Fields and bases that the requests and answers of this function share."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from stoa.http.fields import distinct
from stoa.http.request_schemas import says

Copy = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Words = Annotated[str, StringConstraints(max_length=2000)]
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$"),
    says("up to 100 lower-case letters, digits, . _ and -"),
]
Word = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$"),
    says("up to 50 lower-case letters, digits and _, a letter first"),
]
Tier = Literal["free", "premium"]
Speed = Literal["fastest", "fast", "standard", "slower"]
Quality = Literal["good", "excellent", "exceptional"]
Modality = Literal["text", "image", "audio", "video"]
Cents = Annotated[int, Field(ge=1, le=100_000_000)]
Messages = Annotated[int, Field(ge=0, le=1_000_000)]
Tokens = Annotated[int, Field(ge=1, le=100_000_000)]
Order = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Limit = Annotated[
    Messages | Literal["unlimited"], says('a whole number of messages from 0 to 1,000,000, or "unlimited"')
]


Capabilities = Annotated[list[Word], Field(min_length=1, max_length=50), AfterValidator(distinct)]
Modalities = Annotated[list[Modality], Field(min_length=1, max_length=4), AfterValidator(distinct)]
