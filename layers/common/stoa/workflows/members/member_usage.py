"""Usage of a member: what they used and was charged, by day and model."""

from datetime import date

from msgspec import Struct

from stoa.core.pages import Page, page_of
from stoa.identity.caller import Caller
from stoa.store.members import member_usage as store
from stoa.store.members.member_usage import DayUsage, UsageTotals


class UsageReport(Struct, frozen=True):
    """A page of sums by day and model, and the totals of the whole period."""

    page: Page[DayUsage]
    totals: UsageTotals


def read_usage(caller: Caller, *, days: int, after: tuple[date, str] | None, limit: int) -> UsageReport:
    """Returns the caller's messages, tokens and charges of the tenant's last `days` days, today included.

    The cursor is (day, model).
    """
    with caller.database.autocommit(caller.own_scope) as connection:
        totals, found = store.read(
            connection, caller.tenant_id, caller.user_id, caller.now, days=days, after=after, rows=limit + 1
        )
    return UsageReport(page_of(found, limit, lambda row: (row.day, row.model_id)), totals)
