"""The tenant's own keys at providers: routes of this function, in a file of their own."""

from typing import Any

from stoa.clients.aws.key_box import seal
from stoa.core.settings import settings
from stoa.http.api import Api, Request
from stoa.http.desks import desk_of
from stoa.http.preconditions import expected_version
from stoa.workflows.providers import provider_keys
from stoa.workflows.providers.provider_keys import GivenKey


def add_to(api: Api) -> None:
    """Register the routes."""

    @api.route(
        "GET",
        "/api/admin/provider-keys",
        summary="The tenant's own provider keys",
        answer="ProviderKeyListAnswer",
        tags=("admin",),
    )
    def get_provider_keys(request: Request) -> dict[str, Any]:
        """Which providers are called with a key of the tenant's own. The keys themselves are shown to nobody."""
        desk = desk_of(request)
        return {
            "data": provider_keys.list_keys(desk),
            "meta": {"providers": provider_keys.list_providers(desk)},
        }

    @api.route(
        "PUT",
        "/api/admin/provider-keys/{providerId}",
        summary="Bring an own key",
        body="ProviderKey",
        answer="ProviderKeyAnswer",
        parameters="EditParameters",
        errors=(404, 409, 502, 503),
        tags=("admin",),
    )
    def put_provider_key(request: Request) -> dict[str, Any]:
        """From within a minute on, the tenant's messages to this provider go out with this key: the tenant pays the
        provider itself, its members pay the tenant's prices as before. A key that fails is never replaced by the
        installation's; the model's fallbacks answer."""
        desk, body = desk_of(request), request.body()
        given = GivenKey(body.key.get_secret_value().strip(), body.settings, body.verify)
        version = expected_version(request.event, body.version)
        provider_id = request.path["providerId"]
        kept = provider_keys.put_key(desk, provider_id, given, kms_arn=settings().kms_arn, seal=seal, version=version)
        return {"data": kept}

    @api.route(
        "DELETE",
        "/api/admin/provider-keys/{providerId}",
        summary="Take an own key back",
        answer="DeletedKeyAnswer",
        parameters="EditParameters",
        errors=(404, 409),
        tags=("admin",),
    )
    def delete_provider_key(request: Request) -> dict[str, Any]:
        """From within a minute on, the tenant's messages go out with the installation's key again."""
        desk, version = desk_of(request), expected_version(request.event, None)
        provider_keys.delete_key(desk, request.path["providerId"], version=version)
        return {"data": {"deleted": True}}
