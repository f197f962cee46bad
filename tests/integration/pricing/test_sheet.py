"""Overrides as a CSV sheet: out, in again, all or nothing, errors by line."""

import base64
from typing import Any

import pytest

from tests.integration.pricing.support import DAY, PRICING, START, Shop

HEADING = "modelId,markup,inputPrice,outputPrice,effectiveFrom,effectiveTo,version\n"


def exported(shop: Shop) -> str:
    reply = shop.send("GET", f"{PRICING}/overrides.csv")
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="overrides.csv"' in reply.headers["Content-Disposition"]
    return str(reply.body)


def imported(shop: Shop, text: str) -> int:
    return int(shop.done("POST", "/overrides/import", {"csv": text})["modelsUpdated"])


def problems(shop: Shop, text: str) -> list[tuple[str, str]]:
    refused = shop.refused("POST", "/overrides/import", {"csv": text})
    assert refused["status"] == 422
    return [(problem["path"], problem["reason"]) for problem in refused["details"]]


def test_without_overrides_the_sheet_is_its_heading(shop: Shop) -> None:
    assert exported(shop) == HEADING


def test_every_override_in_force_or_to_come_has_a_line(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0, effectiveTo=(START + 5 * DAY).isoformat())
    shop.override("claude-3-opus", inputPrice=12.5)
    shop.override("claude-3-opus", markup=0.1, effectiveFrom=(START + 3 * DAY).isoformat())
    assert exported(shop) == HEADING + (
        "claude-3-opus,,12.500000,,2027-03-01T12:00:00.000Z,2027-03-04T12:00:00.000Z,2\n"
        "claude-3-opus,0.100000,,,2027-03-04T12:00:00.000Z,,2\n"
        "gpt-4o,0.000000,,,2027-03-01T12:00:00.000Z,2027-03-06T12:00:00.000Z,1\n"
    )


def test_what_was_exported_can_be_imported_and_changes_nothing(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0, effectiveTo=(START + 5 * DAY).isoformat())
    shop.override("claude-3-opus", inputPrice=12.5)
    shop.override("claude-3-opus", markup=0.1, effectiveFrom="2027-03-04T12:00:00.123456Z")
    shop.clock.pass_by(DAY)
    sheet = exported(shop)
    before = (shop.done("GET", "/models"), shop.done("GET", "/history"), shop.audited())
    assert imported(shop, sheet) == 0
    assert (shop.done("GET", "/models"), shop.done("GET", "/history"), shop.audited()) == before


def test_a_sheet_sets_many_overrides_at_once(shop: Shop) -> None:
    sheet = "modelId,markup,inputPrice,effectiveTo\ngpt-4o,0.1,,\n\ngpt-4o-mini,,0.1,2027-04-01\nphi-4,1,,\n"
    assert imported(shop, sheet) == 3
    assert shop.prices("gpt-4o") == (2.75, 11.0)
    assert shop.prices("gpt-4o-mini") == (0.14, 0.84)
    assert shop.scheduled("phi-4") == [(START + DAY, 0.14, 0.28)]
    assert shop.audited() == [("price_override.set", model) for model in ("gpt-4o", "gpt-4o-mini", "phi-4")]


def test_the_csv_itself_may_be_the_body(shop: Shop) -> None:
    for raw in ("modelId,markup\r\ngpt-4o,0.1\r\n", '\ufeffmodelId,markup\n"gpt-4o", 0.2\n'):
        reply = shop.send("POST", f"{PRICING}/overrides/import", raw=raw, headers={"content-type": "text/csv"})
        assert (reply.status, reply.body["success"]) == (200, True)
    assert shop.model("gpt-4o")["overrides"][0]["markup"] == 0.2


def test_a_null_character_is_refused_where_it_is_in_the_csv(shop: Shop) -> None:
    text = "modelId,markup\nphi\x00-4,0.2\n"
    reply = shop.send("POST", f"{PRICING}/overrides/import", raw=text, headers={"content-type": "text/csv"})
    assert list(reply.problems) == ["line 2, modelId"]
    assert problems(shop, text) == [("csv", "must not contain the null character")]


def test_models_that_are_not_in_the_sheet_keep_their_override(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0)
    imported(shop, "modelId,markup\nphi-4,0.1\n")
    assert shop.prices("gpt-4o") == (2.5, 10.0)


def test_one_bad_line_undoes_all_and_every_bad_line_is_named(shop: Shop) -> None:
    sheet = (
        "modelId,markup,inputPrice,effectiveTo\n"
        "gpt-4o,0.1,,\n"
        "phi-4,forty,-1,\n"
        ",0.1,,\n"
        "gpt-4o-mini,0.1,,soon\n"
        "phi-4,0.1\n"
    )
    assert problems(shop, sheet) == [
        ("line 3, markup", "send a number with a point and at most 6 places, such as 0.25"),
        ("line 3, inputPrice", "send a number with a point and at most 6 places, such as 0.25"),
        ("line 4, modelId", "say which model"),
        ("line 5, effectiveTo", "send a time such as 2027-03-28T02:30:00+01:00"),
        ("line 6", "there are 2 cells under 4 headings"),
    ]
    assert exported(shop) == HEADING


def test_what_only_the_rules_know_is_named_by_line_too(shop: Shop) -> None:
    sheet = "modelId,markup,effectiveTo\ngpt-4o,40,\nno-such-model,0.1,\nphi-4,,\ngpt-4o-mini,0.1,2027-01-01\n"
    assert problems(shop, sheet) == [
        ("line 2, markup", "40 looks like a percentage: send the fraction 0.40 for 40 %."),
        ("line 3, modelId", "There is no such model."),
        ("line 4, markup", "give at least one of markup, inputPrice and outputPrice; DELETE takes an override away"),
        ("line 5, effectiveTo", "must be in the future"),
    ]
    dear = problems(shop, "modelId,inputPrice,version\ngpt-4o,1000001,\nphi-4,1,one\n")
    assert [path for path, _ in dear] == ["line 2, inputPrice", "line 3, version"]
    late = problems(shop, "modelId,markup,effectiveTo\ngpt-4o,0.1,\nphi-4,1,2027-03-01T20:00:00Z\n")
    assert [path for path, _ in late] == ["line 3, effectiveTo"]
    assert exported(shop) == HEADING


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("gpt-4o,0.1,,\ngpt-4o,0.2,,\n", "line 3"),
        ("gpt-4o,0.1,2027-04-01,2027-05-01\ngpt-4o,0.2,2027-04-15,\n", "line 3"),
        ("gpt-4o,0.1,2027-04-01,\ngpt-4o,0.2,2027-05-01,\n", "line 3"),
        ("gpt-4o,0.1,2027-04-01,2027-05-01\ngpt-4o,0.2,2027-04-30T21:59:59Z,\n", "line 3"),
        ("gpt-4o,0.1,2027-05-01,\ngpt-4o,0.2,2027-04-01,2027-05-02\n", "line 2"),
    ],
)
def test_trap_two_overrides_of_one_model_at_once_are_refused(shop: Shop, lines: str, named: str) -> None:
    ((path, reason),) = problems(shop, "modelId,markup,effectiveFrom,effectiveTo\n" + lines)
    assert path == f"{named}, effectiveFrom"
    assert "one override at a time" in reason


def test_one_override_may_begin_when_the_other_ends(shop: Shop) -> None:
    lines = "gpt-4o,0.2,2027-04-30T22:00:00Z,\ngpt-4o,0.1,2027-04-01,2027-05-01\n"
    assert imported(shop, "modelId,markup,effectiveFrom,effectiveTo\n" + lines) == 1
    assert [row[1:] for row in shop.scheduled("gpt-4o")] == [(2.75, 11.0), (3.0, 12.0)]
    assert len(shop.history("gpt-4o")) == 2


def test_a_sheet_that_is_too_long_is_refused(shop: Shop) -> None:
    ((path, reason),) = problems(shop, "modelId\n" + "\n" * 2000 + "phi-4\n")
    assert (path, reason) == ("line 2002", "a sheet has at most 2000 lines")


def test_a_sheet_without_lines_changes_nothing(shop: Shop) -> None:
    assert imported(shop, "modelId,markup\n") == 0


def test_a_sheet_that_is_not_utf8_is_refused(shop: Shop) -> None:
    event_body = base64.b64encode("modelId,markup\nphi-4,0.1\n# café\n".encode("latin-1")).decode()
    refused = shop.send(
        "POST", f"{PRICING}/overrides/import", raw=event_body, headers={"content-type": "text/csv"}, is_base64=True
    )
    assert (refused.status, refused.error["code"]) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize("text", ["", "markup\n0.1\n", "modelId,price\nphi-4,1\n", "modelId,markup,markup\n"])
def test_a_heading_that_is_not_ours_is_refused(shop: Shop, text: str) -> None:
    ((path, reason),) = problems(shop, text)
    assert path == "line 1"
    assert "modelId" in reason


def test_what_is_no_csv_is_refused(shop: Shop) -> None:
    ((path, reason),) = problems(shop, 'modelId,markup\n"gpt-4o"x,0.1\n')
    assert path == "line 2"
    assert reason.startswith("this is no CSV")
    raw: dict[str, Any] = {"raw": "nonsense", "headers": {"content-type": "application/json"}}
    assert shop.send("POST", f"{PRICING}/overrides/import", **raw).status == 400


def test_somebody_elses_edit_meanwhile_is_not_overwritten(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0.2)
    sheet = exported(shop).replace("0.200000", "0.100000") + "phi-4,0.1,,,,,0\n"
    shop.override("gpt-4o", markup=0)
    refused = shop.refused("POST", "/overrides/import", {"csv": sheet})
    details: Any = refused["details"]
    assert (refused["status"], refused["code"], details) == (409, "STALE_EDIT", {"lines": [2]})
    assert shop.prices("gpt-4o") == (2.5, 10.0)
    assert shop.model("phi-4")["hasOverride"] is False
