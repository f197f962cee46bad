"""The packaged providers, and the endpoints that an installation's settings make of them."""

from typing import Any

import pytest

from stoa.clients.wires import ProviderError
from stoa.clients.wires.endpoints import (
    endpoint_for,
    keys_in,
    model_names,
    own_endpoint,
    packaged_providers,
)
from stoa.clients.wires.key_check import check_path
from tests.unit.clients.endpoints import ROWS, endpoint

# id, api_base and auth exactly as the product's data has them; then the wire and the address that a chat goes to.
PROVIDERS = [
    ("anthropic", "https://api.anthropic.com", "api_key", "anthropic", "https://api.anthropic.com/v1/messages"),
    ("openai", "https://api.openai.com/v1", "api_key", "openai", "https://api.openai.com/v1/chat/completions"),
    ("google", "https://generativelanguage.googleapis.com", "api_key", "openai",
     "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
    ("xai", "https://api.x.ai/v1", "api_key", "openai", "https://api.x.ai/v1/chat/completions"),
    ("mistral", "https://api.mistral.ai/v1", "api_key", "openai", "https://api.mistral.ai/v1/chat/completions"),
    ("cohere", "https://api.cohere.ai", "api_key", "openai", "https://api.cohere.ai/compatibility/v1/chat/completions"),
    ("perplexity", "https://api.perplexity.ai", "api_key", "openai", "https://api.perplexity.ai/chat/completions"),
    ("deepseek", "https://api.deepseek.com", "api_key", "openai", "https://api.deepseek.com/chat/completions"),
    ("together", "https://api.together.xyz/v1", "api_key", "openai", "https://api.together.xyz/v1/chat/completions"),
    ("fireworks", "https://api.fireworks.ai/inference/v1", "api_key", "openai",
     "https://api.fireworks.ai/inference/v1/chat/completions"),
    ("groq", "https://api.groq.com/openai/v1", "api_key", "openai", "https://api.groq.com/openai/v1/chat/completions"),
    ("replicate", "https://api.replicate.com/v1", "api_key", "replicate",
     "https://api.replicate.com/v1/models/{model}/predictions"),
    ("huggingface", "https://api-inference.huggingface.co", "api_key", "openai",
     "https://router.huggingface.co/v1/chat/completions"),
    ("bedrock", "https://bedrock-runtime.{region}.amazonaws.com", "iam", "bedrock",
     "https://bedrock-runtime.us-east-1.amazonaws.com/model/{model}/converse-stream"),
    ("azure_openai", "https://{resource}.openai.azure.com", "api_key", "openai",
     "https://r.openai.azure.com/openai/deployments/{model}/chat/completions?api-version=2024-10-21"),
    ("vertex_ai", "https://{region}-aiplatform.googleapis.com", "service_account", "openai",
     "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/openapi"
     "/chat/completions"),
    ("openrouter", "https://openrouter.ai/api/v1", "api_key", "openai", "https://openrouter.ai/api/v1/chat/completions"),
    ("cerebras", "https://api.cerebras.ai/v1", "api_key", "openai", "https://api.cerebras.ai/v1/chat/completions"),
    ("sambanova", "https://api.sambanova.ai/v1", "api_key", "openai", "https://api.sambanova.ai/v1/chat/completions"),
    ("nvidia", "https://integrate.api.nvidia.com/v1", "api_key", "openai",
     "https://integrate.api.nvidia.com/v1/chat/completions"),
    ("deepinfra", "https://api.deepinfra.com/v1/openai", "api_key", "openai",
     "https://api.deepinfra.com/v1/openai/chat/completions"),
    ("novita", "https://api.novita.ai/openai/v1", "api_key", "openai",
     "https://api.novita.ai/openai/v1/chat/completions"),
    ("moonshotai", "https://api.moonshot.ai/v1", "api_key", "openai", "https://api.moonshot.ai/v1/chat/completions"),
    ("alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "api_key", "openai",
     "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions"),
    ("zai", "https://api.z.ai/api/paas/v4", "api_key", "openai", "https://api.z.ai/api/paas/v4/chat/completions"),
    ("minimax", "https://api.minimax.io/anthropic", "api_key", "anthropic",
     "https://api.minimax.io/anthropic/v1/messages"),
    ("cloudflare", "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1", "api_key", "openai",
     "https://api.cloudflare.com/client/v4/accounts/a/ai/v1/chat/completions"),
    ("databricks", "https://{workspace}.cloud.databricks.com", "api_key", "openai",
     "https://w.cloud.databricks.com/serving-endpoints/chat/completions"),
    ("nebius", "https://api.tokenfactory.nebius.com/v1", "api_key", "openai",
     "https://api.tokenfactory.nebius.com/v1/chat/completions"),
    ("baseten", "https://inference.baseten.co/v1", "api_key", "openai",
     "https://inference.baseten.co/v1/chat/completions"),
    ("scaleway", "https://api.scaleway.ai/v1", "api_key", "openai", "https://api.scaleway.ai/v1/chat/completions"),
    ("meta", "https://api.meta.ai/v1", "api_key", "openai", "https://api.meta.ai/v1/chat/completions"),
    ("ai21", "https://api.ai21.com/studio/v1", "api_key", "openai", "https://api.ai21.com/studio/v1/chat/completions"),
    ("self_hosted", "", "optional_api_key", "openai", "http://localhost:11434/v1/chat/completions"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "api_base", "auth", "wire", "address"), PROVIDERS)
def test_each_provider_is_called_at_its_address(
    provider: str, api_base: str, auth: str, wire: str, address: str
) -> None:
    row = ROWS[provider]
    assert (row.api_base, row.auth, row.wire) == (api_base, auth, wire)
    called = endpoint(provider)
    assert called.base_url + called.options["chat_path"] == address
    assert called.wire == wire


def test_all_providers_are_there() -> None:
    assert [provider.id for provider in packaged_providers()] == [provider for provider, *_ in PROVIDERS]


KEY_CHECKS = [
    ("openai", "/models"),
    ("google", "/v1beta/openai/models"),
    ("cohere", "/v1/models"),
    ("azure_openai", "/openai/models?api-version=2024-10-21"),
    ("anthropic", "/v1/models"),
    ("replicate", "/account"),
    ("openrouter", "/key"),  # its list of models is public
    ("databricks", "/api/2.0/serving-endpoints"),
    ("perplexity", None),
    ("deepinfra", None),
    ("bedrock", None),
    ("vertex_ai", None),
]


@pytest.mark.parametrize(("provider", "path"), KEY_CHECKS)
def test_a_key_is_tried_on_what_needs_one(provider: str, path: str | None) -> None:
    assert check_path(endpoint(provider)) == path


def test_options_are_read_from_the_row() -> None:
    assert ROWS["azure_openai"].options["api_version"] == "2024-10-21"
    assert ROWS["huggingface"].options["usage"] == "stream_options"
    assert ROWS["anthropic"].options["auth_header"] == "x-api-key"


def test_an_installation_can_name_another_address_and_other_options() -> None:
    called = endpoint("huggingface", BASE_URL="http://127.0.0.1:9/hf/", USAGE="always")
    assert (called.base_url, called.options["usage"]) == ("http://127.0.0.1:9/hf", "always")
    assert "2025-01-01" in endpoint("azure_openai", API_VERSION="2025-01-01").options["chat_path"]


def test_bedrock_is_called_in_the_function_s_own_region_unless_told_otherwise() -> None:
    row = ROWS["bedrock"]
    assert "eu-west-1" in endpoint_for(row, {"AWS_REGION": "eu-west-1"}).base_url
    told = {"AWS_REGION": "eu-west-1", "STOA_PROVIDER_BEDROCK_REGION": "us-west-2"}
    called = endpoint_for(row, told)
    assert ("us-west-2" in called.base_url, called.options["region"], called.api_key) == (True, "us-west-2", None)


def test_the_environment_s_key_wins_over_the_secret_s_and_the_secret_is_only_read_without_one() -> None:
    asked: list[str] = []

    def secrets(arn: str) -> dict[str, Any]:
        asked.append(arn)
        return {"openai": " from-secret\n", "anthropic": 7, "groq": ["g-1", "g-2"]}

    base = {"STOA_PROVIDER_SECRET_ARN": "arn:aws:x"}
    environment = base | {"STOA_PROVIDER_OPENAI_API_KEY": "from-environment"}
    assert endpoint_for(ROWS["openai"], environment, secrets).api_key == "from-environment"
    assert asked == []
    assert endpoint_for(ROWS["openai"], base, secrets).api_key == "from-secret"
    assert asked == ["arn:aws:x"]
    assert endpoint_for(ROWS["groq"], base, secrets).other_keys == ("g-2",)
    with pytest.raises(ProviderError):
        endpoint_for(ROWS["anthropic"], base, secrets)


SEVERAL = [
    ("sk-1", ("sk-1",)),
    (" sk-1\n", ("sk-1",)),
    ('["sk-1", "sk-2", "sk-1", ""]', ("sk-1", "sk-2")),
    (["sk-1", " sk-2 "], ("sk-1", "sk-2")),
    ([{"type": "service_account"}], ('{"type": "service_account"}',)),
    ({"type": "service_account"}, ('{"type": "service_account"}',)),
    ("sk,with;signs [1]", ("sk,with;signs [1]",)),
    (None, ()),
    ("", ()),
    ([], ()),
]


@pytest.mark.parametrize(("value", "keys"), SEVERAL)
def test_a_setting_holds_one_key_or_a_list_of_them(value: Any, keys: tuple[str, ...]) -> None:
    assert keys_in("openai", value) == keys


@pytest.mark.parametrize("value", [7, [7], ["sk-1", 7], '["sk-1"', "[1]", True])
def test_what_is_no_list_of_keys_is_refused_without_repeating_it(value: Any) -> None:
    with pytest.raises(ProviderError) as refusal:
        keys_in("openai", value)
    assert refusal.value.kind == "auth"
    assert "sk-1" not in refusal.value.message


def test_several_keys_come_with_the_endpoint_and_show_nowhere() -> None:
    called = endpoint("openai", API_KEY='["sk-1", "sk-2", "sk-3"]')
    assert (called.api_key, called.other_keys) == ("sk-1", ("sk-2", "sk-3"))
    assert "sk-" not in f"{called!r} {called} {called.options}"


def test_a_tenants_own_key_takes_the_place_of_the_installations_and_fills_the_address() -> None:
    settings = {
        "STOA_PROVIDER_AZURE_OPENAI_API_KEY": "ours",
        "STOA_PROVIDER_AZURE_OPENAI_RESOURCE": "our-resource",
        "STOA_PROVIDER_AZURE_OPENAI_API_VERSION": "2025-01-01",
    }
    called = own_endpoint(ROWS["azure_openai"], "theirs", {"resource": "their-resource"}, settings)
    assert (called.api_key, called.other_keys, called.own_key) == ("theirs", (), True)
    assert called.base_url == "https://their-resource.openai.azure.com"
    assert "2025-01-01" in called.options["chat_path"]
    assert "ours" not in f"{called.options}"
    assert endpoint_for(ROWS["azure_openai"], settings).own_key is False


@pytest.mark.parametrize(
    ("provider", "places"),
    [
        ("openai", set()),
        ("replicate", set()),
        ("azure_openai", {"resource", "api_version"}),
        ("vertex_ai", {"region", "project"}),
        ("bedrock", {"region"}),
    ],
)
def test_the_places_in_an_address_are_known(provider: str, places: set[str]) -> None:
    assert ROWS[provider].places == places


MISSING = [
    ("openai", {}, "STOA_PROVIDER_OPENAI_API_KEY"),
    ("openai", {"STOA_PROVIDER_OPENAI_API_KEY": ""}, "STOA_PROVIDER_OPENAI_API_KEY"),
    ("self_hosted", {}, "STOA_PROVIDER_SELF_HOSTED_BASE_URL"),
    ("azure_openai", {"STOA_PROVIDER_AZURE_OPENAI_API_KEY": "k"}, "STOA_PROVIDER_AZURE_OPENAI_RESOURCE"),
    ("vertex_ai", {"STOA_PROVIDER_VERTEX_AI_API_KEY": "k"}, "STOA_PROVIDER_VERTEX_AI_PROJECT"),
]


@pytest.mark.parametrize(("provider", "environment", "variable"), MISSING)
def test_what_is_missing_is_named(provider: str, environment: dict[str, str], variable: str) -> None:
    with pytest.raises(ProviderError) as refusal:
        endpoint_for(ROWS[provider], environment)
    assert refusal.value.kind == "auth"
    assert variable in refusal.value.message


def test_the_key_shows_nowhere() -> None:
    called = endpoint("openai")
    assert called.api_key == "sk-test"
    assert "sk-test" not in f"{called!r} {called} {called.options}"


def test_every_listed_model_has_a_name_at_its_provider_and_the_system_default_stays() -> None:
    names = {row["id"]: row for row in model_names()}
    assert len(names) == 116
    assert all(row["provider_model"] for row in names.values())
    assert names["gpt-6-luna"]["deprecated_at"] == ""


def test_an_ending_model_s_successor_is_listed_and_ends_later_or_never() -> None:
    names = {row["id"]: row for row in model_names()}
    for row in names.values():
        if row["successor_id"]:
            end = names[row["successor_id"]]["deprecated_at"]
            assert end == "" or end > row["deprecated_at"], row["id"]
            assert row["evidence"], row["id"]
