"""A chat's events as one JSON document."""

from functions.chat.handler import _json_answer
from stoa.workflows.chat import Content, Done, Metadata, Selection


def test_after_a_failover_the_limits_told_are_those_of_the_model_that_answered() -> None:
    failed = Selection({"modelId": "a"}, {"RateLimit-Limit": "50"})
    answered = Selection({"modelId": "b"}, {"RateLimit-Limit": "10"})
    answer = _json_answer([failed, answered, Content("Hi"), Metadata({}), Done({})], "request-1")
    assert answer.headers["RateLimit-Limit"] == "10"
    assert b'"modelId":"b"' in next(answer.body)
