"""Ids of providers whose names in the feeds differ from ours. An id that is not here is the same in both."""

OURS = {
    "amazon-bedrock": "bedrock",
    "aws": "bedrock",
    "azure": "azure_openai",
    "x-ai": "xai",
}
# genai-prices has one list for each provider behind Hugging Face's router, which takes names like `model:novita`.
ROUTED = {"huggingface_": "huggingface"}


def our_provider(feed_id: str) -> tuple[str, str]:
    """Returns our id of a feed's provider, and the ending that its names for models have with us."""
    for beginning, ours in ROUTED.items():
        if feed_id.startswith(beginning):
            return ours, ":" + feed_id.removeprefix(beginning)
    return OURS.get(feed_id, feed_id), ""
