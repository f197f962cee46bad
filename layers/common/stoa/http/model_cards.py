"""The facts of a model's card, as members and admins see them."""

from pydantic import Field

from stoa.http.schemas import AnswerSchema


class ModelMetadata(AnswerSchema):
    """The facts of a model's card."""

    speed: str
    quality: str
    context_window: int
    cost_per_1m_tok: float | None = Field(
        alias="costPer1MTok",
        description="USD per one million tokens: three parts of what members pay for input, one of output. Null: no "
        "price is known.",
    )
    best_for: list[str] = Field(examples=[["Everyday questions"]])
