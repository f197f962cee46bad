"""Fields that the requests and answers about teams share."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from stoa.http.fields import distinct
from stoa.http.request_schemas import EmailAddress, says

TeamType = Literal["family", "team", "enterprise"]
TeamStatus = Literal["incomplete", "active", "past_due", "suspended", "canceled", "closed"]
Role = Literal["owner", "admin", "member"]
Email = Annotated[EmailAddress, AfterValidator(str.lower)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"),
    says("1 to 200 characters in one line, not all of them blank"),
]
Size = Annotated[int, Field(ge=1, le=10_000)]
Tokens = Annotated[int, Field(ge=0, le=1_000_000_000_000)]
PoolTokens = Annotated[int, Field(ge=1, le=1_000_000_000_000)]


Models = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]],
    Field(max_length=500),
    AfterValidator(distinct),
]
