"""Facts that a tenant accepted of a provider's news stand in its overlay, over the registry's."""

from datetime import UTC, datetime

from stoa.database.pool import Scope
from stoa.store.catalogue import tenant_models
from tests.integration.model_admin.support import Admin

SUNSET = datetime(2031, 5, 1, tzinfo=UTC)


def test_what_a_tenant_accepted_is_what_its_admins_and_members_see(
    admin: Admin, ada: Admin, other_admin: Admin
) -> None:
    before = other_admin.model("gpt-4o")
    with admin.database.transaction(Scope(tenant_id=admin.tenant_id)) as connection:
        assert tenant_models.locked(connection, admin.tenant_id, datetime.now(UTC), "gpt-4o") is not None
        facts = {
            "context_window": 77_000,
            "max_output_tokens": 1_234,
            "deprecated_at": SUNSET,
            "successor_id": "gpt-4o-mini",
        }
        tenant_models.save_overlay(connection, admin.tenant_id, "gpt-4o", facts)
    (member_sees,) = [model for model in ada.get("/api/models").data["premium"] if model["id"] == "gpt-4o"]
    for seen in (member_sees, admin.model("gpt-4o")):
        assert (seen["contextWindow"], seen["maxOutputTokens"]) == (77_000, 1_234)
        assert (seen["deprecatedAt"], seen["successorId"]) == ("2031-05-01T00:00:00.000Z", "gpt-4o-mini")
    assert other_admin.model("gpt-4o") == before
    assert admin.change("gpt-4o", trialMessages=3)["contextWindow"] == 77_000
