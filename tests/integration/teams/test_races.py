"""Many members of one team at once: the pool is never over-spent beyond what is under way, and all books agree."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest

from stoa.clients.wires.types import ProviderError
from stoa.core.errors import StoaError
from stoa.database.pool import Database
from stoa.store.chat import ledger
from tests.integration.chat.support import Desk, fails, overlay
from tests.integration.teams.support import DAY, MODEL, Team, make_team

MEMBERS, EACH = 50, 4
TOKENS = 30  # that one answer of the scripted provider takes
ROOM = 100  # messages


@pytest.fixture
def desks(team: Team) -> list[Desk]:
    desks = [team.join(f"member-{number}") for number in range(MEMBERS)]
    overlay(desks[0], MODEL, trial_messages=0, daily_limit=100_000)
    return desks


def outcome(desk: Desk) -> str:
    try:
        events = desk.send(model_id=MODEL)
    except StoaError as error:
        return error.code
    return next(str(event.data["access"]) for event in events if event.name == "metadata")


def test_fifty_members_share_a_pool_with_room_for_a_hundred_messages(team: Team, desks: list[Desk]) -> None:
    """Each asks four times. What messages under way hold counts as used, so some are refused before all is spent."""
    team.set(total_tokens_monthly=ROOM * TOKENS)
    together = Barrier(MEMBERS)

    def ask(desk: Desk) -> list[str]:
        together.wait()
        return [outcome(desk) for _ in range(EACH)]

    with ThreadPoolExecutor(MEMBERS) as pool:
        outcomes = Counter(said for saids in pool.map(ask, desks) for said in saids)

    assert sum(outcomes.values()) == MEMBERS * EACH
    assert set(outcomes) <= {"team", "TEAM_POOL_EXHAUSTED", "UNAVAILABLE"}
    assert team.pool_used() == outcomes["team"] * TOKENS
    assert team.pool_used() <= ROOM * TOKENS + MEMBERS * TOKENS  # what was under way when the last token went
    assert team.agree()
    # What messages under way held and gave back is there for who comes now.
    last = next(said for said in (outcome(desks[0]) for _ in range(ROOM)) if said != "team")
    assert last == "TEAM_POOL_EXHAUSTED"
    assert ROOM * TOKENS <= team.pool_used() < ROOM * TOKENS + MEMBERS * TOKENS
    assert team.agree()


def test_one_token_left_serves_one_message(team: Team, desks: list[Desk]) -> None:
    team.set(total_tokens_monthly=1)
    together = Barrier(MEMBERS)

    def ask(desk: Desk) -> str:
        together.wait()
        return outcome(desk)

    with ThreadPoolExecutor(MEMBERS) as pool:
        outcomes = Counter(pool.map(ask, desks))

    assert outcomes == {"team": 1, "TEAM_POOL_EXHAUSTED": MEMBERS - 1}
    assert team.pool_used() == TOKENS
    assert team.agree()


def test_one_member_with_an_allotment_at_many_desks(team: Team) -> None:
    desk = team.join("ada", allotment=1)
    overlay(desk, MODEL, trial_messages=0)
    together = Barrier(MEMBERS)

    def ask(_: int) -> str:
        together.wait()
        return outcome(desk)

    with ThreadPoolExecutor(MEMBERS) as pool:
        outcomes = Counter(pool.map(ask, range(MEMBERS)))

    assert outcomes == {"team": 1, "TEAM_POOL_EXHAUSTED": MEMBERS - 1}
    assert team.agree()


def test_answers_failures_and_sweeps_at_once_leave_the_books_in_agreement(
    team: Team, desks: list[Desk], runtime_database: Database, tenant: UUID
) -> None:
    other = make_team(runtime_database, tenant, pool=900_000)
    for desk in desks[::2]:
        other.join(desk.member.principal.subject)
    for desk in desks[::3]:
        desk.providers.default = fails(ProviderError("unavailable", provider_id="openai", reason="down"), "Half ")

    def work(number: int) -> None:
        if number % 10 == 0:
            with runtime_database.autocommit(desks[0].member.scope) as connection:
                ledger.sweep(connection, tenant, None, DAY)
        outcome(desks[number % MEMBERS])

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(work, range(200)))

    assert team.agree()
    assert team.pool_used() > 0
