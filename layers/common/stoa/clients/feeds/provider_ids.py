"""What the feeds call the providers that we call otherwise. An id that is not here is the same in both."""

OURS = {
    "amazon-bedrock": "bedrock",
    "aws": "bedrock",
    "azure": "azure_openai",
    "x-ai": "xai",
}
# genai-prices has one list for each provider behind Hugging Face's router, which takes names like `model:novita`.
ROUTED = {"huggingface_": "huggingface"}


def our_provider(feed_id: str) -> tuple[str, str]:
    """Our id of a feed's provider, and what its names for models end in with us."""
    for beginning, ours in ROUTED.items():
        if feed_id.startswith(beginning):
            return ours, ":" + feed_id.removeprefix(beginning)
    return OURS.get(feed_id, feed_id), ""
