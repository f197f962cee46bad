"""A team is paid for by the month: the pay page, Stripe's events in any order, dunning, the end."""

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from dev.practice_stripe import PRACTICE_KEY
from stoa.clients.stripe.stripe_client import StripeCalls, StripeRejected
from stoa.database.pool import Scope
from stoa.domain.billing.team_subscription import DUNNING_GRACE
from stoa.workflows.billing.apply_stripe_event import retry_events
from stoa.workflows.billing.reconcile_teams import reconcile_teams
from stoa.workflows.selection.member_view import load_member_view
from tests.integration.purchases.support import Crash, CrashingDatabase, Shop, StatementBroke
from tests.integration.purchases.team_support import TeamShop, alarms, set_team

MOST_STATEMENTS = 10
NOBODY = timedelta(0)


@pytest.fixture
def team(shop: Shop) -> TeamShop:
    return TeamShop(shop)


def _begun(team: TeamShop) -> list[dict[str, Any]]:
    return team.begin()


def _renewed(team: TeamShop) -> list[dict[str, Any]]:
    return team.begin() + team.act("renew")


def _unpaid(team: TeamShop) -> list[dict[str, Any]]:
    return team.begin() + team.act("renew") + team.act("fail_renewal")


def _recovered(team: TeamShop) -> list[dict[str, Any]]:
    return team.begin() + team.act("fail_renewal") + team.act("recover")


def _ended(team: TeamShop) -> list[dict[str, Any]]:
    return team.begin() + team.act("cancel")


def _ended_unpaid(team: TeamShop) -> list[dict[str, Any]]:
    return team.begin() + team.act("fail_renewal") + team.act("cancel")


STORIES = [
    (_begun, "active", DUNNING_GRACE),
    (_renewed, "active", DUNNING_GRACE),
    (_unpaid, "past_due", DUNNING_GRACE),
    (_recovered, "active", DUNNING_GRACE),
    (_ended, "canceled", None),
    (_ended_unpaid, "canceled", None),
]
stories = pytest.mark.parametrize(
    ("story", "status", "grace"), STORIES, ids=lambda value: getattr(value, "__name__", "")
)


def check(team: TeamShop, status: str, grace: timedelta | None) -> None:
    found = team.standing()
    assert found[0] == status
    if grace is not None:
        assert found[1] == grace
    else:
        assert team.row()["access_until"] <= datetime.now(UTC)
    assert team.row()["stripe_subscription_id"] == team.subscription()["id"]
    assert team.row()["plan_terms"]["maxMembers"] == 6


@stories
def test_events_in_their_own_order(team: TeamShop, story: Any, status: str, grace: timedelta | None) -> None:
    team.shop.deliver(*story(team))
    check(team, status, grace)


@stories
def test_events_five_times_shuffled_and_at_once(
    team: TeamShop, story: Any, status: str, grace: timedelta | None
) -> None:
    events = story(team) * 5
    random.Random(7).shuffle(events)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(team.shop.deliver, events))
    retry_events(team.shop.database, lambda: team.shop.stripe, datetime.now(UTC) + timedelta(hours=1))
    check(team, status, grace)


def test_a_team_that_grew_beside_its_open_pay_page_gets_what_was_bought(team: TeamShop) -> None:
    team.sell()
    checkout = team.start()
    set_team(team, "max_members = 9000, total_tokens_monthly = 1000000000000, models = '{o1,gpt-4o}'")
    before = team.row()["version"]
    team.shop.deliver(*team.pay(checkout))
    row = team.row()
    assert (row["max_members"], row["total_tokens_monthly"], row["models"]) == (6, 1_000_000, ["gpt-4o"])
    assert row["version"] > before  # whoever still has the larger team in front of them is told
    set_team(team, "total_tokens_monthly = 2000000")  # an admin gives more than was bought: that stays
    team.shop.deliver(*team.act("renew"))
    assert team.row()["total_tokens_monthly"] == 2_000_000


def test_every_order_of_a_beginning(runtime_database: Any, shop: Shop) -> None:
    for order in permutations(range(3)):
        team = TeamShop(shop)
        events = team.begin()
        assert len(events) == 3
        team.shop.deliver(*[events[position] for position in order])
        check(team, "active", DUNNING_GRACE)


@stories
@pytest.mark.parametrize("error", [Crash, StatementBroke])
def test_a_process_that_dies_after_any_statement(
    team: TeamShop, story: Any, status: str, grace: timedelta | None, error: type[BaseException]
) -> None:
    events = story(team)
    for after in range(1, MOST_STATEMENTS):
        for event in events[:2]:
            crashing = CrashingDatabase(team.shop.database, after, error)
            with contextlib.suppress(Crash, StatementBroke):
                team.shop.deliver(event, database=crashing)
    retry_events(team.shop.database, lambda: team.shop.stripe, datetime.now(UTC) + timedelta(hours=1))
    team.shop.deliver(*events)
    check(team, status, grace)


def test_the_first_paid_month_sets_the_day_on_which_periods_begin(team: TeamShop) -> None:
    team.shop.deliver(*team.begin())
    row = team.row()
    assert row["anchor_day"] == datetime.fromisoformat(row["subscription"]["facts"]["paid_from"]).day
    assert row["activated_at"] is not None


def test_a_payment_that_is_told_late_takes_no_period_back_that_has_begun(team: TeamShop) -> None:
    """An admin switched the team on after midnight, while news of a payment before it was on its way."""
    set_team(team, "status = 'active', anchor_day = 17")
    with team.shop.database.autocommit(Scope(tenant_id=team.shop.member.tenant_id)) as connection:
        connection.run(
            "INSERT INTO team_periods (tenant_id, team_id, starts_on, ends_on, tokens_used)"
            " SELECT tenant_id, id, current_date + 1, current_date + 32, 5 FROM teams WHERE id = :id",
            id=team.team_id,
        )
    team.shop.deliver(*team.begin())
    assert (team.row()["status"], team.row()["anchor_day"]) == ("active", 17)


def access(team: TeamShop, at: datetime) -> str | None:
    return load_member_view(team.shop.database, team.shop.member, at).offers["gpt-4o"].entitlement_source


def test_a_team_gives_access_while_it_is_paid_for_and_a_week_longer(team: TeamShop) -> None:
    now = datetime.now(UTC)
    events = team.begin()
    assert access(team, now) is None
    team.shop.deliver(*events)
    assert access(team, now) == "team"
    team.shop.deliver(*team.act("fail_renewal"))
    ends = team.row()["access_until"]
    assert access(team, ends - timedelta(seconds=1)) == "team"
    assert access(team, ends) is None
    team.shop.deliver(*team.act("cancel"))
    assert access(team, datetime.now(UTC)) is None


def test_the_owner_is_told_once_that_a_month_is_not_paid_and_that_it_is_over(team: TeamShop) -> None:
    team.shop.deliver(*team.begin())
    assert team.mails() == []
    failed = team.act("fail_renewal")
    team.shop.deliver(*failed, *failed)
    assert team.mails() == ["The payment for your team The Stoics failed"]
    team.shop.deliver(*team.act("cancel"))
    assert team.mails()[1:] == ["The plan of your team The Stoics has ended"]


def test_a_second_subscription_beside_the_first_waits_for_a_person(
    team: TeamShop, caplog: pytest.LogCaptureFixture
) -> None:
    first = team.begin()
    team.shop.deliver(*first)
    own_id = team.row()["stripe_subscription_id"]
    foreign = next(event for event in first if event["type"] == "invoice.paid")
    foreign = {**foreign, "id": "evt_foreign", "data": {"object": {**foreign["data"]["object"]}}}
    details = foreign["data"]["object"]["parent"]["subscription_details"]
    foreign["data"]["object"]["parent"] = {"subscription_details": {**details, "subscription": "sub_second"}}
    team.shop.deliver(foreign)
    assert team.row()["stripe_subscription_id"] == own_id
    assert alarms(caplog) == ["team_paid_twice"]


def test_who_ended_it_may_subscribe_again_and_late_news_of_the_first_changes_nothing(team: TeamShop) -> None:
    first = team.begin() + team.act("cancel")
    team.shop.deliver(*first)
    assert team.row()["status"] == "canceled"
    team.shop.deliver(*team.pay(team.start()))
    check(team, "active", DUNNING_GRACE)
    again = [{**event, "id": f"{event['id']}-late"} for event in first]
    team.shop.deliver(*again)
    check(team, "active", DUNNING_GRACE)


def test_what_an_admin_or_the_owner_decided_outlasts_money(team: TeamShop) -> None:
    events = team.begin()
    team.shop.deliver(*events[:1])
    set_team(team, "status = 'suspended'")
    team.shop.deliver(*events[1:])
    assert team.row()["status"] == "suspended"


def _said(event: dict[str, Any], kind: str, **changes: Any) -> dict[str, Any]:
    """Returns what Stripe would say of the same subscription at another time."""
    told = {**event["data"]["object"], **changes}
    return {**event, "id": f"{event['id']}-{changes['status']}", "type": kind, "data": {"object": told}}


def test_what_was_never_paid_takes_nothing_from_a_team_that_an_admin_switched_on(team: TeamShop) -> None:
    set_team(team, "status = 'active', anchor_day = 5")
    created, paid, _ = team.begin()
    team.shop.deliver(_said(created, "customer.subscription.created", status="incomplete"))
    assert (team.row()["status"], access(team, datetime.now(UTC))) == ("active", "team")
    team.shop.deliver(_said(created, "customer.subscription.updated", status="incomplete_expired"))
    assert (team.row()["status"], access(team, datetime.now(UTC))) == ("active", "team")
    assert team.mails() == []  # nothing that anybody had has ended
    team.shop.deliver(paid)  # late: now something has ended
    assert team.row()["status"] == "canceled"
    assert team.mails() == ["The plan of your team The Stoics has ended"]


def test_a_team_that_an_admin_switched_on_after_its_end_is_not_ended_by_late_news(team: TeamShop) -> None:
    events = team.begin() + team.act("cancel")
    team.shop.deliver(*events)
    assert team.row()["status"] == "canceled"
    set_team(team, "status = 'active', access_until = NULL")
    team.shop.deliver(*[{**event, "id": f"{event['id']}-late"} for event in events])
    assert team.standing() == ("active", None)


def test_a_first_payment_that_nobody_told_of_is_asked_about(team: TeamShop) -> None:
    shop = team.shop
    created, *_ = team.begin()
    shop.deliver(created)
    later = datetime.now(UTC) + timedelta(hours=2)
    reconcile_teams(shop.database, lambda: shop.stripe, later)
    check(team, "active", DUNNING_GRACE)


def test_a_lost_webhook_is_made_good_by_asking(team: TeamShop) -> None:
    shop = team.shop
    team.begin()  # nobody tells us
    now = datetime.now(UTC)
    reconcile_teams(shop.database, lambda: shop.stripe, now)
    assert team.row()["stripe_asked_at"] is None  # it was a moment ago: the page may be open in front of somebody
    later = now + timedelta(hours=2)
    assert reconcile_teams(shop.database, lambda: shop.stripe, later)["changed"] >= 1
    check(team, "active", DUNNING_GRACE)
    reconcile_teams(shop.database, lambda: shop.stripe, later + timedelta(days=1))
    assert team.row()["stripe_asked_at"] == later
    shop.deliver(*team.act("cancel"))
    team.pay(team.start(later))  # subscribed again, and again nobody tells us
    reconcile_teams(shop.database, lambda: shop.stripe, later + timedelta(hours=7))
    check(team, "active", DUNNING_GRACE)
    team.act("renew")
    in_a_month = now + timedelta(days=32)
    assert reconcile_teams(shop.database, lambda: shop.stripe, in_a_month)["changed"] >= 1
    assert team.row()["access_until"] > in_a_month


def test_the_subscription_of_a_closed_team_is_ended(team: TeamShop) -> None:
    shop = team.shop
    shop.deliver(*team.begin())
    set_team(team, "status = 'closed'")
    reconcile_teams(shop.database, lambda: shop.stripe, datetime.now(UTC))
    assert team.subscription()["status"] == "canceled"
    assert team.row()["status"] == "closed"
    with shop.database.autocommit(Scope(tenant_id=shop.member.tenant_id)) as connection:
        (mail,) = connection.run("SELECT body FROM mail_outbox")
    assert "Nothing more will be taken" in mail["body"] and "subscribe again" not in mail["body"]
    asked_at = team.row()["stripe_asked_at"]
    reconcile_teams(shop.database, lambda: shop.stripe, datetime.now(UTC) + timedelta(days=1))
    assert team.row()["stripe_asked_at"] == asked_at


def test_a_team_that_was_closed_before_its_open_pay_page_was_paid_waits_for_a_person(
    team: TeamShop, caplog: pytest.LogCaptureFixture
) -> None:
    team.sell()
    checkout = team.start()
    set_team(team, "status = 'closed'")
    team.shop.deliver(*team.pay(checkout))
    assert alarms(caplog) == ["team_paid_when_closed"]
    reconcile_teams(team.shop.database, lambda: team.shop.stripe, datetime.now(UTC))
    assert (team.subscription()["status"], team.row()["status"]) == ("canceled", "closed")


@pytest.mark.parametrize("answer", [{"id": "sub_odd", "status": "active"}, StripeRejected("odd")])
def test_a_team_of_which_stripe_tells_nothing_readable_keeps_no_other_waiting(
    team: TeamShop, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    def odd(stripe: StripeCalls, subscription_id: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    team.begin()
    monkeypatch.setattr(StripeCalls, "get_subscription", odd)
    later = datetime.now(UTC) + timedelta(hours=2)
    assert reconcile_teams(team.shop.database, lambda: team.shop.stripe, later)["unanswered"] >= 1
    assert team.row()["stripe_asked_at"] == later  # others come first now


def test_while_stripe_is_out_of_reach_the_next_run_goes_on(team: TeamShop) -> None:
    shop = team.shop
    team.begin()
    later = datetime.now(UTC) + timedelta(hours=2)
    away = StripeCalls(PRACTICE_KEY, "http://127.0.0.1:9")
    assert reconcile_teams(shop.database, lambda: away, later)["unanswered"] == 1
    assert team.row()["status"] == "incomplete"
    reconcile_teams(shop.database, lambda: shop.stripe, later)
    check(team, "active", DUNNING_GRACE)
