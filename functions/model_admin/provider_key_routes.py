"""Routes of the tenant's own keys at providers."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.model_admin.app import app
from functions.model_admin.models.provider_keys import (
    DeletedKeyAnswer,
    ProviderKey,
    ProviderKeyAnswer,
    ProviderKeyListAnswer,
)
from stoa.clients.aws import key_box
from stoa.core.settings import settings
from stoa.http.dependencies import AsAdmin
from stoa.http.errors import errors
from stoa.http.parameters import IfMatch, expected_version
from stoa.workflows.providers import provider_keys

ProviderId = Annotated[str, Path(alias="providerId")]

key_box.prepare()


@app.get("/api/admin/provider-keys", summary="The tenant's own provider keys", tags=["admin"])
def get_provider_keys(caller: AsAdmin) -> ProviderKeyListAnswer:
    """Returns the providers that are called with a key of the tenant's own. The keys themselves are shown to nobody."""
    return ProviderKeyListAnswer.of(provider_keys.read_keys(caller))


@app.put(
    "/api/admin/provider-keys/<providerId>",
    summary="Bring an own key",
    tags=["admin"],
    responses=errors(404, 409, 502, 503),
)
def put_provider_key(
    caller: AsAdmin, provider_id: ProviderId, key: ProviderKey, if_match: IfMatch = None
) -> ProviderKeyAnswer:
    """Within a minute, the tenant's messages to this provider go out with this key: the tenant pays the provider
    itself, its members pay the tenant's prices as before. A key that fails is never replaced by the installation's. The
    model's fallbacks answer instead."""
    version = expected_version(if_match, key.version)
    kept = provider_keys.put_key(
        caller, provider_id, key.given_key(), kms_arn=settings().kms_arn, seal=key_box.seal, version=version
    )
    return ProviderKeyAnswer.of(kept)


@app.delete(
    "/api/admin/provider-keys/<providerId>", summary="Take an own key back", tags=["admin"], responses=errors(404, 409)
)
def delete_provider_key(caller: AsAdmin, provider_id: ProviderId, if_match: IfMatch = None) -> DeletedKeyAnswer:
    """Deletes the tenant's key. Within a minute, messages go out with the installation's key again."""
    provider_keys.delete_key(caller, provider_id, version=expected_version(if_match))
    return DeletedKeyAnswer.of({"deleted": True})
