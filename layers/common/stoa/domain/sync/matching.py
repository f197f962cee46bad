"""Matches the models of a feed with ours, by names only. A name that could mean two models is reported, not guessed."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from stoa.domain.sync.feed import FeedModel, FeedProblem

# A date, a version or `latest` may follow a stem. Anything else, as in `grok-3-fast` after `grok-3`, is another
# model. -2025-08-07 (OpenAI), -20250514 (Anthropic), @20250514 (Vertex AI), -2411 (Mistral), -v1:0 (Bedrock).
_SUFFIX = re.compile(r"([-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest|\d{3}))?(-v\d+(:\d+)?)?")
# A stem may end within a date already: `sonnet-4-2025`, `sonnet-4@`.
_BEGUN_SUFFIX = re.compile(r"[-@](20\d\d-?)?$")


class RegistryModel(Protocol):
    """The part of a model of ours that matching reads."""

    @property
    def id(self) -> str: ...
    @property
    def provider_id(self) -> str: ...
    @property
    def provider_model(self) -> str: ...


class Matches(NamedTuple):
    """The feed's model for each of ours that has one, by our id, and the names that could mean several models."""

    found: Mapping[str, FeedModel]
    problems: tuple[FeedProblem, ...]


class Names:
    """A feed's models by the names that their providers answer to."""

    def __init__(self, models: Iterable[FeedModel]) -> None:
        self._exact: defaultdict[tuple[str, str], list[FeedModel]] = defaultdict(list)
        self._stems: defaultdict[tuple[str, str], list[FeedModel]] = defaultdict(list)
        for model in models:
            for name in {model.provider_model.lower(), *model.names}:
                self._exact[model.provider_id, name].append(model)
            for stem in model.stems:
                self._stems[model.provider_id, stem].append(model)

    def candidates(self, provider_id: str, name: str) -> list[FeedModel]:
        """Returns the models that the name could mean, by the surest kind of name: own name, alias, dated stem."""
        name = name.lower()
        named = self._exact.get((provider_id, name), [])
        if named:
            return [model for model in named if model.provider_model.lower() == name] or named
        for length in range(len(name), 0, -1):  # the longest stem says most
            longest = self._stems.get((provider_id, name[:length]))
            if longest and _SUFFIX.fullmatch(name, len(_BEGUN_SUFFIX.sub("", name[:length]))):
                return longest
        return []


def match(ours: Iterable[RegistryModel], feed: Iterable[FeedModel]) -> Matches:
    """Returns the feed's model for each of ours."""
    names = Names(feed)
    found: dict[str, FeedModel] = {}
    problems: list[FeedProblem] = []
    for model in ours:
        candidates = names.candidates(model.provider_id, model.provider_model)
        if len(candidates) == 1:
            found[model.id] = candidates[0]
        elif candidates:
            others = ", ".join(sorted(candidate.provider_model for candidate in candidates))
            entry = f"{model.provider_id}/{model.provider_model}"
            problems.append(FeedProblem(candidates[0].source, entry, None, f"could be any of {others}"))
    return Matches(found, tuple(problems))


def counterparts(first: Iterable[FeedModel], second: Iterable[FeedModel]) -> dict[tuple[str, str], FeedModel]:
    """Returns the second source's model for each of the first's that it has, by the first's key.

    The model's own name decides, then its aliases, where they lead to one model.
    """
    names = Names(second)
    found = {}
    for model in first:
        candidates = names.candidates(model.provider_id, model.provider_model)
        if not candidates:
            candidates = [other for name in model.names for other in names.candidates(model.provider_id, name)]
        if len({candidate.key for candidate in candidates}) == 1:
            found[model.key] = candidates[0]
    return found
