"""A team's plan, bought by its owner: the pay page, how the subscription stands, its end, and Stripe's billing page."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.clients.stripe.stripe_client import StripeCalls, SubscriptionOrder
from stoa.core.errors import Conflict, Forbidden, NotFound, Unavailable
from stoa.core.ids import new_id
from stoa.core.text import camel_case
from stoa.domain.billing.plan_terms import PlanTerms, exceeded
from stoa.domain.billing.subscription_events import TeamReference, read_subscription
from stoa.domain.billing.team_subscription import INCOMPLETE, derive, is_running
from stoa.domain.teams.teams import CLOSED, OWNER, SUSPENDED
from stoa.identity.caller import Caller
from stoa.store.billing import team_billing, team_plans
from stoa.store.billing.team_billing import BilledTeam, PayAttempt, PayPage
from stoa.workflows.billing.team_books import report, settle

MOST_ROUNDS = 4  # as many pay pages may turn out to be over, or another's, before we say so
SESSION_HOLDS = timedelta(hours=24)  # as long as Stripe remembers an idempotency key
PAUSE_RETRY_SECONDS = 3600


class TeamSubscriptionView(Struct, frozen=True):
    """A team's subscription as its members are shown it. `plan` None: nothing was bought."""

    status: str
    paid_until: datetime | None
    access_until: datetime | None
    ends_with_period: bool
    plan: PlanTerms | None


def subscribe(caller: Caller, stripe: StripeCalls, team_id: UUID, client_url: str) -> PayPage:
    """Returns the pay page for the plan of the team's type; one that is still open is given again.

    Raises NotFound for a team that is not the member's, Forbidden for who is not its owner, Conflict where there is
    nothing to pay for (TEAM_SUBSCRIBED, TEAM_CLOSED, TEAM_SUSPENDED), the team is larger than its plan
    (TEAM_EXCEEDS_PLAN) or no plan is sold (TEAM_PLAN_NOT_FOR_SALE), Unavailable (PURCHASES_PAUSED), and what `stripe`
    raises.
    """
    for _ in range(MOST_ROUNDS):
        team = _owned(caller, team_id)
        terms = _terms(caller, team)
        last = team.last_attempt
        page = last.page if last is not None else None
        session = stripe.get_session(page.session_id) if page is not None else None
        state = session["status"] if session is not None else "unknown"
        if session is not None and state == "complete" and _is_on_its_way(team, session["subscription"]):
            raise Conflict("TEAM_SUBSCRIBED", "This team was paid for a moment ago; look at its subscription.")
        if last is not None and _still_holds(last, terms, caller.now) and state in ("open", "unknown"):
            return last.page or _make_page(caller, stripe, team, last, client_url)
        if page is not None and state == "open":
            stripe.expire_session(page.session_id)
        attempt = PayAttempt(str(new_id()), terms, caller.now)
        with caller.database.autocommit(caller.tenant_scope) as connection:
            team_billing.begin_checkout(connection, caller.tenant_id, team_id, attempt, seen=last)
    raise _in_progress()


def read_subscription_of(caller: Caller, team_id: UUID) -> TeamSubscriptionView:
    """Returns how the subscription stands, for any member of the team. Raises NotFound."""
    team, _ = _found(caller, team_id)
    return _view(team)


def end_with_period(caller: Caller, stripe: StripeCalls, team_id: UUID, *, ends: bool) -> TeamSubscriptionView:
    """Lets the subscription end with the month that is paid, or go on after all. Returns how it stands then.

    Raises as `subscribe`, and Conflict (TEAM_NOT_SUBSCRIBED).
    """
    team = _owned(caller, team_id)
    if team.stripe_subscription_id is None or not is_running(team.record.facts):
        raise Conflict("TEAM_NOT_SUBSCRIBED", "This team has no subscription that runs.")
    told = stripe.end_subscription_with_period(team.stripe_subscription_id, ends=ends)
    notice = read_subscription(told, caller.now)
    with caller.database.transaction(caller.tenant_scope) as connection:
        settled = settle(connection, TeamReference(caller.tenant_id, team_id), notice, caller.now)
        after = team_billing.get(connection, caller.tenant_id, team_id)
    report(settled)
    return _view(after or team)


def open_billing(caller: Caller, stripe: StripeCalls, team_id: UUID, client_url: str) -> str:
    """Returns the address of Stripe's page with card and invoices. Raises as `end_with_period`."""
    team = _owned(caller, team_id)
    if team.stripe_customer_id is None:
        raise Conflict("TEAM_NOT_SUBSCRIBED", "Nothing was paid for this team yet.")
    return stripe.open_portal(team.stripe_customer_id, f"{client_url.rstrip('/')}/teams/{team_id}")


def _found(caller: Caller, team_id: UUID) -> tuple[BilledTeam, str]:
    """The team, and the caller's role in it."""
    with caller.database.autocommit(caller.own_scope) as connection:
        role = team_billing.role_in(connection, caller.tenant_id, team_id, caller.user_id)
        team = team_billing.get(connection, caller.tenant_id, team_id) if role else None
    if role is None or team is None:
        raise NotFound("team")
    return team, role


def _owned(caller: Caller, team_id: UUID) -> BilledTeam:
    team, role = _found(caller, team_id)
    if role != OWNER:
        raise Forbidden("Only the team's owner decides on its plan.")
    return team


def _terms(caller: Caller, team: BilledTeam) -> PlanTerms:
    """The terms on which the plan is bought for the team now. Raises where nothing can be bought."""
    if team.status == CLOSED:
        raise Conflict("TEAM_CLOSED", "This team was closed.")
    if team.status == SUSPENDED:
        raise Conflict("TEAM_SUSPENDED", "An admin of your tenant has switched this team off. Ask them before you pay.")
    if is_running(team.record.facts):
        raise Conflict("TEAM_SUBSCRIBED", "This team has a subscription already.")
    with caller.database.autocommit(caller.own_scope) as connection:
        plan = team_plans.plan(connection, caller.tenant_id, team.type)
    if plan is None or not plan.enabled:
        raise Conflict(
            "TEAM_PLAN_NOT_FOR_SALE",
            f"No plan of the type {team.type} is sold. See GET /api/team-plans, or ask an admin.",
        )
    if team.purchases_paused:
        raise Unavailable(
            "New purchases are paused at the moment. Try again later.", "PURCHASES_PAUSED", PAUSE_RETRY_SECONDS
        )
    terms = plan.terms
    if beyond := exceeded(terms, team):
        named = ", ".join(camel_case(name) for name in beyond)
        raise Conflict(
            "TEAM_EXCEEDS_PLAN",
            f"The plan {terms.name} has less of this than the team: {named}.",
            details=asdict(terms),
        )
    return terms


def _make_page(caller: Caller, stripe: StripeCalls, team: BilledTeam, attempt: PayAttempt, client_url: str) -> PayPage:
    """The attempt's pay page; asked again, Stripe gives the same one."""
    base, terms = client_url.rstrip("/"), attempt.terms
    session = stripe.create_subscription_session(
        SubscriptionOrder(
            tenant_id=caller.tenant_id,
            team_id=team.id,
            plan_name=f"{terms.name} ({team.name})",
            price_cents=terms.price_cents,
            currency=terms.currency,
            email=team.billing_email or caller.member.principal.email,
            customer_id=team.stripe_customer_id,
            attempt=attempt.attempt,
            success_url=f"{base}/teams/{team.id}?paid={{CHECKOUT_SESSION_ID}}",
            cancel_url=f"{base}/teams/{team.id}",
        )
    )
    page = PayPage(session["id"], session["url"])
    with caller.database.autocommit(caller.tenant_scope) as connection:
        kept = team_billing.save_session(connection, caller.tenant_id, team.id, attempt.attempt, page)
    if not kept:  # other terms have come in between: nobody is to pay by the old ones
        stripe.expire_session(page.session_id)
        raise _in_progress()
    return page


def _is_on_its_way(team: BilledTeam, subscription_id: str) -> bool:
    """Whether a page was paid and nobody has told us, or the money takes days, as from some banks."""
    facts = team.record.facts
    waits = derive(facts).status == INCOMPLETE and facts.unpaid_until is None
    return waits or subscription_id != team.stripe_subscription_id


def _still_holds(attempt: PayAttempt, terms: PlanTerms, now: datetime) -> bool:
    return attempt.terms == terms and now - attempt.made_at < SESSION_HOLDS


def _in_progress() -> Conflict:
    return Conflict("PURCHASE_IN_PROGRESS", "A payment for this team is on its way already. Look again in a moment.")


def _view(team: BilledTeam) -> TeamSubscriptionView:
    facts = team.record.facts
    return TeamSubscriptionView(
        status=team.status,
        paid_until=facts.paid_until,
        access_until=team.access_until,
        ends_with_period=facts.ends_with_period,
        plan=team.bought,
    )
