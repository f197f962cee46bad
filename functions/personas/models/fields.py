"""Fields that the requests and answers of this function share."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from stoa.http.fields import distinct
from stoa.http.request_schemas import says
from stoa.http.schemas import AnswerSchema

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
PromptText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
LanguageCode = Annotated[
    str, StringConstraints(pattern="^[a-z]{2}$"), says("two lower-case letters of ISO 639-1, such as de")
]
Address = Annotated[
    str, StringConstraints(pattern=r"^https://[^\s\"'<>\\]+$", max_length=2000), says("an https:// address")
]
VoiceId = Annotated[str, StringConstraints(pattern=r"^[\w.:-]{1,100}$"), says("1 to 100 letters, digits and . : _ -")]
StyleName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"),
    says("a name of up to 40 letters, digits, _ and -"),
]
StyleValue = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] | bool | int | float,
    says("a text of 1 to 200 characters, a number, true or false"),
]
Style = Annotated[dict[StyleName, StyleValue], Field(max_length=20)]


Words = Annotated[list[Word], Field(max_length=20), AfterValidator(distinct)]


class Gone(AnswerSchema):
    """Confirms a deletion."""

    deleted: bool
