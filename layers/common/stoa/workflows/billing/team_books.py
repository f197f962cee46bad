"""News of a team's subscription from Stripe, written into our books in one transaction. For every workflow that hears
from it."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from stoa.core.observe import emit, logger
from stoa.database.pool import Connection
from stoa.domain.billing.subscription_events import SubscriptionNotice, TeamReference
from stoa.domain.billing.team_subscription import PAST_DUE, TeamStanding
from stoa.domain.billing.team_verdict import PAID_TWICE, PAID_WHEN_CLOSED, AccountChange, judge
from stoa.domain.teams.teams import CLOSED
from stoa.store.billing import team_billing
from stoa.store.billing.team_billing import BilledTeam
from stoa.store.operations import mail_outbox

_NOTHING = TeamStanding("", None)
_GOING_ON = "Its members, settings and usage are kept: subscribe again to go on."

_ALARMS = {
    PAID_TWICE: "a team has a second subscription; cancel one of them at Stripe",
    PAID_WHEN_CLOSED: "a team was paid for after it had been closed; its subscription ends, give the money back",
}


class TeamSettled(Struct, frozen=True):
    """The effect of a notice. `team` is our row as it was before; None: the notice was about none of ours."""

    outcome: str
    team: BilledTeam | None = None
    before: TeamStanding = _NOTHING
    after: TeamStanding = _NOTHING
    alarm: str | None = None


def settle(connection: Connection, reference: TeamReference, notice: SubscriptionNotice, now: datetime) -> TeamSettled:
    """Joins what a notice says to what is known of the team's subscription, and lets the team stand as `judge` says.

    The transaction around it has the team's tenant in scope.
    """
    team = team_billing.lock(connection, reference.tenant_id, reference.team_id)
    if team is None:
        return TeamSettled("ignored: no such team here")
    if notice.subscription_id is None:
        return TeamSettled("ignored: it tells of no subscription yet")
    verdict = judge(team.account, notice.subscription_id, notice.facts)
    if verdict.change is not None:
        team_billing.save(
            connection,
            team,
            verdict.change,
            paid_on=_local_day(team, verdict.change.paid_from),
            customer_id=notice.customer_id,
            subscription_id=notice.subscription_id,
            now=now,
        )
        if verdict.tells_owner:
            _tell_owner(connection, team, verdict.change, verdict.after, now)
    return TeamSettled(verdict.outcome, team, verdict.before, verdict.after, verdict.alarm)


def report(settled: TeamSettled) -> None:
    """Tells the outside, after the commit."""
    team = settled.team
    if team is None:
        return
    if settled.alarm is not None:
        logger().error(
            _ALARMS[settled.alarm],
            extra={"alarm": settled.alarm, "teamId": str(team.id), "tenantId": str(team.tenant_id)},
        )
    elif settled.before.status != settled.after.status:
        emit(
            "team_subscription_changed",
            teamId=str(team.id),
            type=team.type,
            before=settled.before.status,
            after=settled.after.status,
        )


def _local_day(team: BilledTeam, moment: datetime | None) -> date | None:
    """The day of the tenant's calendar."""
    return None if moment is None else moment.astimezone(ZoneInfo(team.time_zone)).date()


def _tell_owner(
    connection: Connection, team: BilledTeam, change: AccountChange, after: TeamStanding, now: datetime
) -> None:
    """Sends a mail when a month is not paid, and when it is over. Once each."""
    unpaid_until = change.record.facts.unpaid_until
    to = team_billing.mail_address(connection, team.tenant_id, team.id)
    if to is None:
        return
    if after.status == PAST_DUE and after.access_until is not None and unpaid_until is not None:
        subject = f"The payment for your team {team.name} failed"
        text = (
            f"The payment for {team.name} could not be taken. It will be tried again.\n\n"
            f"The team goes on until {after.access_until:%Y-%m-%d %H:%M} UTC. Please check the card in the team's "
            "billing page."
        )
        key = f"team-past-due:{team.id}:{unpaid_until:%Y-%m-%d}"
    else:
        subject = f"The plan of your team {team.name} has ended"
        text = (
            f"The subscription of {team.name} has ended, and with it the access that the team gave its members.\n\n"
            + ("Nothing more will be taken for it." if team.status == CLOSED else _GOING_ON)
        )
        key = f"team-canceled:{team.id}:{team.stripe_subscription_id}"
    mail_outbox.put(connection, tenant_id=team.tenant_id, to=to, subject=subject, text=text, dedupe_key=key, now=now)
