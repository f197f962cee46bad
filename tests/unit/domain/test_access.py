"""Access to a model and how the catalogue words it."""

import pytest

from stoa.domain.catalogue.access import TrialState, purchase_status, standing_access, trial_state
from stoa.domain.selection.offers import Offer
from tests.unit.domain.builders import entitled, offer, premium


@pytest.mark.parametrize(
    ("entry", "access", "status", "trial"),
    [
        (offer(), "free", "free", TrialState(0, 0, False)),
        (offer(trial_messages=2), "free", "free", TrialState(0, 0, False)),
        (offer(entitlement_source="team"), "free", "free", TrialState(0, 0, False)),
        (premium(), None, "trial", TrialState(2, 2, True)),
        (premium(used=1), None, "trial", TrialState(2, 1, True)),
        (premium(used=2), None, "trial_expired", TrialState(2, 0, False)),
        (premium(used=5), None, "trial_expired", TrialState(2, 0, False)),
        (premium(trials=0), None, "locked", TrialState(0, 0, False)),
        (entitled(premium(used=1)), "entitled", "purchased", TrialState(2, 1, False)),
        (entitled(premium(), "admin_grant"), "entitled", "granted", TrialState(2, 2, False)),
        (entitled(premium(), "plan"), "entitled", "granted", TrialState(2, 2, False)),
        (entitled(premium(), "team"), "team", "team", TrialState(2, 2, False)),
    ],
)
def test_access_status_and_trial(entry: Offer, access: str | None, status: str, trial: TrialState) -> None:
    assert standing_access(entry) == access
    assert purchase_status(entry) == status
    assert trial_state(entry) == trial


def test_models_that_give_no_text_cannot_chat() -> None:
    assert offer(capabilities=("code", "code_generation")).can_chat
    assert not offer(capabilities=("embeddings",), max_output_tokens=0).can_chat
    assert not offer(capabilities=("chat",), max_output_tokens=0).can_chat
    assert not offer(capabilities=("voice", "streaming")).can_chat
