"""The base price of a model at one tenant: of what it accepted, what the provider announced, and the registry's own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from stoa.domain.pricing.price_book import BasePrices
from stoa.domain.pricing.rates import Rates
from stoa.domain.pricing.timeline import Step, Timeline

# For a query over `models m` with :tenant_id and :now. `a` is what the tenant accepted last; an announced price counts
# from its date on, unless the tenant accepted another since. `n` is the announced price that holds at :now.
JOINS = """
LEFT JOIN LATERAL (
    SELECT t.input_price, t.output_price, t.rates, t.is_own, t.created_at FROM tenant_base_prices t
    WHERE t.tenant_id = :tenant_id AND t.model_id = m.id AND t.base_version = m.base_version
    ORDER BY t.id DESC
    LIMIT 1
) AS a ON true
LEFT JOIN LATERAL (
    SELECT q.input_price, q.output_price, q.rates FROM announced_prices q
    WHERE q.model_id = m.id AND q.effective_from <= :now ::timestamptz
        AND q.effective_from > coalesce(a.created_at, '-infinity')
    ORDER BY q.effective_from DESC
    LIMIT 1
) AS n ON true
"""

INPUT_PRICE = "coalesce(n.input_price, a.input_price, m.base_input_price)"
OUTPUT_PRICE = "coalesce(n.output_price, a.output_price, m.base_output_price)"
RATES = "coalesce(n.rates, a.rates, m.base_rates)"

# The announced prices still to come, for `timeline`.
ANNOUNCED = """
    SELECT json_agg(json_build_array(q.effective_from, q.input_price, q.output_price, q.rates))
    FROM announced_prices q
    WHERE q.model_id = m.id AND q.effective_from > :now ::timestamptz
"""


def timeline(base: BasePrices, announced: Sequence[Sequence[Any]]) -> Timeline[BasePrices]:
    """Returns the base prices that hold now, and those that were announced, from `json_build_array` rows."""
    steps = [
        Step(datetime.fromisoformat(begins), BasePrices(input_price, output_price, Rates.from_json(rates)))
        for begins, input_price, output_price, rates in announced
    ]
    return Timeline([*Timeline.always(base).steps, *steps])
