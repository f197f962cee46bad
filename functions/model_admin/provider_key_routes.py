"""The tenant's own keys at providers: routes of this function, in a file of their own."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.model_admin.app import app
from functions.model_admin.models import DeletedKeyAnswer, ProviderKey, ProviderKeyAnswer, ProviderKeyListAnswer
from stoa.clients.aws.key_box import seal
from stoa.core.settings import settings
from stoa.http.dependencies import AsAdmin
from stoa.http.errors import errors
from stoa.http.parameters import IfMatch, expected_version
from stoa.workflows.providers import provider_keys
from stoa.workflows.providers.provider_keys import GivenKey

ProviderId = Annotated[str, Path(alias="providerId")]


@app.get("/api/admin/provider-keys", summary="The tenant's own provider keys", tags=["admin"])
def get_provider_keys(caller: AsAdmin) -> ProviderKeyListAnswer:
    """Which providers are called with a key of the tenant's own. The keys themselves are shown to nobody."""
    return ProviderKeyListAnswer.model_validate(
        {
            "data": provider_keys.list_keys(caller),
            "meta": {"providers": provider_keys.list_providers(caller)},
        }
    )


@app.put(
    "/api/admin/provider-keys/<providerId>",
    summary="Bring an own key",
    tags=["admin"],
    responses=errors(404, 409, 502, 503),
)
def put_provider_key(
    caller: AsAdmin, provider_id: ProviderId, body: ProviderKey, if_match: IfMatch = None
) -> ProviderKeyAnswer:
    """From within a minute on, the tenant's messages to this provider go out with this key: the tenant pays the
    provider itself, its members pay the tenant's prices as before. A key that fails is never replaced by the
    installation's; the model's fallbacks answer."""
    given = GivenKey(body.key.get_secret_value().strip(), body.settings, body.verify)
    version = expected_version(if_match, body.version)
    kept = provider_keys.put_key(caller, provider_id, given, kms_arn=settings().kms_arn, seal=seal, version=version)
    return ProviderKeyAnswer.of(kept)


@app.delete(
    "/api/admin/provider-keys/<providerId>", summary="Take an own key back", tags=["admin"], responses=errors(404, 409)
)
def delete_provider_key(caller: AsAdmin, provider_id: ProviderId, if_match: IfMatch = None) -> DeletedKeyAnswer:
    """From within a minute on, the tenant's messages go out with the installation's key again."""
    version = expected_version(if_match)
    provider_keys.delete_key(caller, provider_id, version=version)
    return DeletedKeyAnswer.of({"deleted": True})
