"""Properties that hold of every selection, whatever the catalogue, the preferences and the message."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stoa.domain.catalogue.access import standing_access
from stoa.domain.chat.context import input_limit, turn_tokens
from stoa.domain.selection.offers import (
    Candidate,
    ChatRequest,
    Decision,
    ModeDefaults,
    Offer,
    Preferences,
    Snapshot,
)
from stoa.domain.selection.refusals import Refusal
from stoa.domain.selection.selection import MEMBERS_OWN_RULES, REASONS, RULE_AUTO, select
from stoa.http.refusals import STATUSES as REFUSALS
from tests.unit.domain.builders import MIDNIGHT, NOW, TOMORROW, YESTERDAY, by_id, offer, prices

IDS = ["gpt-4o-mini", "a", "b", "c", "d", "e"]
STATUSES = {
    "MODEL_NOT_FOUND": 404,
    "MODEL_CANNOT_CHAT": 422,
    "MODEL_LOCKED": 402,
    "RATE_LIMIT_EXCEEDED": 429,
    "COST_LIMIT_EXCEEDED": 402,
    "INPUT_TOO_LONG": 413,
    "NO_MODEL_AVAILABLE": 503,
}

some_ids = st.sampled_from([*IDS, "gone", "auto"])
maybe_id = st.none() | some_ids
mostly = st.sampled_from([True, True, True, False])
cost_ceilings = st.none() | st.decimals(0, "0.1", places=4)


@st.composite
def offers(draw: st.DrawFn, model_id: str) -> Offer:
    return offer(
        model_id,
        provider_id=draw(st.sampled_from(["openai", "mistral"])),
        context_window=draw(st.sampled_from([0, 1, 40, 4_000, 128_000])),
        max_output_tokens=draw(st.sampled_from([0, 1, 500, 8_192])),
        modalities=draw(st.sampled_from([("text",), ("text", "image"), ()])),
        capabilities=draw(
            st.sampled_from([("chat",), ("code", "code_review"), ("reasoning", "math"), ("embeddings",), ()])
        ),
        is_novel=draw(st.booleans()),
        is_self_hosted=draw(st.booleans()),
        speed=draw(st.sampled_from(["fastest", "fast", "standard", "slower"])),
        quality=draw(st.sampled_from(["good", "excellent", "exceptional"])),
        enabled=draw(mostly),
        healthy=draw(mostly),
        deprecated_at=draw(st.sampled_from([None, None, YESTERDAY, NOW, TOMORROW])),
        successor_id=draw(maybe_id),
        access_tier=draw(st.sampled_from(["free", "premium"])),
        unlock_price_cents=draw(st.none() | st.just(299)),
        daily_limit=draw(st.none() | st.integers(0, 3)),
        used_today=draw(st.integers(0, 3)),
        trial_messages=draw(st.integers(0, 2)),
        trials_used=draw(st.integers(0, 3)),
        entitlement_source=draw(st.sampled_from([None, None, "purchase", "team"])),
        prices=draw(
            st.sampled_from([None, prices(), prices("0", "0", "0"), prices("3.5", "14"), prices("200", "800")])
        ),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    present = draw(st.lists(st.sampled_from(IDS), unique=True))
    request = ChatRequest(
        content=draw(
            st.text(max_size=60) | st.sampled_from(["Hi", "def f(): pass", "2 * 3 = ?", "слово", "word " * 3000])
        ),
        model_id=draw(maybe_id),
        persona_id=draw(st.none() | st.just("marcus")),
        domain_mode=draw(st.sampled_from([None, "legal", "code", "general"])),
        focus_mode=draw(st.sampled_from([None, "writer"])),
        max_output_tokens=draw(st.none() | st.integers(1, 20_000)),
        attachments=draw(st.sampled_from([(), (), ("image",)])),
        context_tokens=draw(st.sampled_from([0, 100, 200_000])),
        system_tokens=draw(st.sampled_from([0, 20])),
    )
    preferences = Preferences(
        selection_mode=draw(st.sampled_from(["auto", "manual", "favorites"])),
        default_model_id=draw(maybe_id),
        persona_overrides=draw(st.dictionaries(st.just("marcus"), some_ids)),
        domain_overrides=draw(st.dictionaries(st.just("legal"), some_ids)),
        favorite_models=tuple(draw(st.lists(st.sampled_from([*IDS, "gone"]), max_size=3))),
        show_standard_models=draw(mostly),
        show_novel_models=draw(mostly),
        show_self_hosted_models=draw(mostly),
        max_cost_per_message=draw(cost_ceilings),
        prefer_cost_optimization=draw(st.booleans()),
    )
    return Snapshot(
        default_ids=("gpt-4o-mini",),
        request=request,
        preferences=preferences,
        offers=by_id(draw(offers(model_id)) for model_id in present),
        modes=ModeDefaults(draw(maybe_id), draw(maybe_id)),
        now=NOW,
        limit_resets_at=MIDNIGHT,
        force_system_default=draw(st.sampled_from([False, False, False, True])),
    )


def assert_usable(entry: Candidate, given_snapshot: Snapshot) -> None:
    """Everything that must hold of a model before a message may go to it, written out a second time."""
    model, request = entry.offer, given_snapshot.request
    assert model.enabled and model.healthy and model.can_chat
    assert model.deprecated_at is None or model.deprecated_at > NOW
    assert model.prices is not None and entry.prices == model.prices
    assert model.daily_limit is None or model.used_today < model.daily_limit
    assert turn_tokens(request.content) + request.system_tokens <= input_limit(model, request.max_output_tokens)
    ceiling = given_snapshot.preferences.max_cost_per_message
    assert ceiling is None or entry.estimated_cost <= ceiling
    if entry.access == "trial":
        assert model.access_tier == "premium" and model.entitlement_source is None and model.trials_remaining > 0
        assert entry.estimated_cost == 0
    else:
        assert entry.access == standing_access(model)
        assert entry.estimated_cost >= entry.prices.minimum_charge


@settings(max_examples=250, deadline=None)
@given(snapshots())
def test_every_outcome_is_a_usable_decision_or_a_known_refusal(given_snapshot: Snapshot) -> None:
    outcome = select(given_snapshot)
    if isinstance(outcome, Refusal):
        assert STATUSES[outcome.code] == REFUSALS[type(outcome)]
        assert outcome.message
        return
    assert outcome.rule in {*REASONS, RULE_AUTO}
    assert outcome.reason.endswith(".") and "{" not in outcome.reason.replace(given_snapshot.request.content, "")
    assert_usable(outcome.chosen, given_snapshot)
    assert outcome.requested_model_id != outcome.chosen.offer.model_id
    if outcome.chosen.access == "trial":
        assert outcome.rule in MEMBERS_OWN_RULES, "only the member's own choice spends a trial"


@settings(max_examples=120, deadline=None)
@given(snapshots())
def test_fallbacks_are_usable_others_never_trials_and_the_system_default_is_last(given_snapshot: Snapshot) -> None:
    outcome = select(given_snapshot)
    if isinstance(outcome, Refusal):
        return
    chosen_id = outcome.chosen.offer.model_id
    ids = [entry.offer.model_id for entry in outcome.fallbacks]
    assert len(ids) == len(set(ids)) <= 3
    assert chosen_id not in ids
    assert "gpt-4o-mini" not in ids[:-1]
    for entry in outcome.fallbacks:
        assert entry.access != "trial"
        assert_usable(entry, given_snapshot)


@settings(max_examples=120, deadline=None)
@given(snapshots())
def test_auto_never_picks_a_locked_model_and_never_spends_a_trial(given_snapshot: Snapshot) -> None:
    request = replace(given_snapshot.request, model_id="auto")
    outcome = select(replace(given_snapshot, request=request, force_system_default=False))
    if isinstance(outcome, Decision):
        assert outcome.chosen.access in ("free", "entitled", "team")
        assert outcome.rule in ("auto", "system_default", "cheapest_free")
    else:
        assert outcome.code not in ("MODEL_LOCKED", "MODEL_NOT_FOUND", "MODEL_CANNOT_CHAT")


@settings(max_examples=80, deadline=None)
@given(snapshots())
def test_a_healthy_unlimited_free_system_default_always_answers_who_asks_for_nothing(given_snapshot: Snapshot) -> None:
    spare = {**given_snapshot.offers, "gpt-4o-mini": offer()}
    nothing_asked = replace(
        given_snapshot,
        request=replace(given_snapshot.request, model_id=None, context_tokens=0, max_output_tokens=None),
        preferences=Preferences(),
        offers=spare,
    )
    assert isinstance(select(nothing_asked), Decision)


@settings(max_examples=80, deadline=None)
@given(snapshots(), st.permutations(IDS))
def test_the_outcome_depends_on_the_snapshot_and_not_on_its_order(given_snapshot: Snapshot, order: list[str]) -> None:
    shuffled = {name: given_snapshot.offers[name] for name in order if name in given_snapshot.offers}
    assert select(given_snapshot) == select(replace(given_snapshot, offers=shuffled)) == select(given_snapshot)


@settings(max_examples=80, deadline=None)
@given(snapshots(), st.decimals(0, "0.1", places=4), st.decimals(0, "0.1", places=4))
def test_a_higher_ceiling_never_turns_a_decision_for_a_named_model_into_a_refusal(
    given_snapshot: Snapshot, one: Decimal, other: Decimal
) -> None:
    named = replace(given_snapshot, request=replace(given_snapshot.request, model_id="a"), force_system_default=False)
    low, high = (
        select(replace(named, preferences=replace(named.preferences, max_cost_per_message=ceiling)))
        for ceiling in sorted((one, other))
    )
    if isinstance(low, Decision):
        assert isinstance(high, Decision)
