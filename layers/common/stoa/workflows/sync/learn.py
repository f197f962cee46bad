"""Learns from a reading of the feeds: keeps the facts that are new in it. Facts are the same for all tenants."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import asdict, replace

from stoa.core.ids import new_id
from stoa.core.text import digest_of
from stoa.database.pool import Connection, Database, Scope
from stoa.domain.providers.provider import Provider
from stoa.domain.sync.change import CONTEXT, PRICE, RETIREMENT, Change
from stoa.domain.sync.diff import new_models
from stoa.domain.sync.facts import Facts, Key, Reading, merged
from stoa.domain.sync.feed import FeedProblem, FeedResult
from stoa.domain.sync.matching import match
from stoa.domain.sync.review import Place
from stoa.store.catalogue import registry_models
from stoa.store.catalogue.registry_models import RegistryName
from stoa.store.providers import providers as provider_store
from stoa.store.sync import facts as store
from stoa.store.sync import runs
from stoa.store.sync.runs import FeedRun, LastRun, SourceRead

TOLD_BY_LISTS = (CONTEXT, RETIREMENT)
MOST_PROBLEMS = 2000  # kept of one reading; a feed that is worse than this is one problem


class Learnt(NamedTuple):
    """The knowledge after a reading: the facts of our models by our id, and new models that any tenant may want.

    `looked_at` names which of our models the reading told of, kind by kind.
    """

    matched: Mapping[str, Facts]
    looked_at: frozenset[Place]
    new: Sequence[Change]
    problems: int
    added: int
    changed: int


class Known(NamedTuple):
    """The knowledge before a reading: the providers whose models are wanted, and each source's number of models."""

    providers: Sequence[Provider]
    counts: Mapping[str, int]


def known(database: Database) -> Known:
    """Returns what the reading of the sources needs."""
    with database.autocommit(Scope(operator=True)) as connection:
        return Known(provider_store.listed(connection), _counts(runs.last(connection)))


def learn(database: Database, reading: Reading, now: datetime) -> Learnt:
    """Writes what is new in the reading, in one transaction. Writes nothing where nothing is new."""
    with database.transaction(Scope(operator=True)) as connection:
        store.lock(connection)
        before = store.all_facts(connection)
        names = registry_models.names(connection)
        ours: set[Key] = {(name.provider_id, name.provider_model) for name in names}
        facts = merged(before, reading, ours)
        matches = match(names, reading.models())
        changed = [fact for key, fact in facts.items() if before.get(key) != fact]
        added = sum(fact.key not in before for fact in changed)
        problems = [*(problem for part in reading.parts for problem in part.problems), *matches.problems]
        if changed:
            store.save(connection, changed, now)
        _keep_run(connection, reading, problems, added, len(changed) - added, now)
    meant = {model_id: facts[model.key] for model_id, model in matches.found.items() if model.key in facts}
    matched = {name.id: _of_its_own(meant[name.id], name, facts) for name in names if name.id in meant}
    listed = _only_listed(names, matched, facts)
    new = new_models(facts.values(), ours | {fact.key for fact in meant.values()})
    looked_at = {(kind, model_id) for model_id in matched for kind in (PRICE, *TOLD_BY_LISTS)}
    looked_at |= {(kind, model_id) for model_id in listed for kind in TOLD_BY_LISTS}
    return Learnt({**matched, **listed}, frozenset(looked_at), new, len(problems), added, len(changed) - added)


def _of_its_own(fact: Facts, name: RegistryName, facts: Mapping[Key, Facts]) -> Facts:
    """Returns the facts of a model of ours that the feed has under another name.

    Whether the provider lists it, and until when, is told by the facts of its own name.
    """
    own = facts.get((name.provider_id, name.provider_model))
    if own is None or own.is_listed is None:
        return fact
    return replace(fact, is_listed=own.is_listed, deprecated_on=own.deprecated_on)


def _only_listed(
    names: Iterable[RegistryName], matched: Collection[str], facts: Mapping[Key, Facts]
) -> dict[str, Facts]:
    """Returns the facts of our models that only their provider's list tells of. Their price is old and left out."""
    return {
        name.id: replace(fact, price=None)
        for name in names
        if name.id not in matched
        and (fact := facts.get((name.provider_id, name.provider_model))) is not None
        and fact.is_listed is not None
    }


def _keep_run(
    connection: Connection,
    reading: Reading,
    problems: Sequence[FeedProblem],
    added: int,
    changed: int,
    now: datetime,
) -> None:
    """Puts the reading on file where it changed something or met other problems than the last one."""
    kept = list(problems[:MOST_PROBLEMS])
    digest = digest_of([asdict(problem) for problem in kept])
    last = runs.last(connection)
    if last is not None and last.problems_digest == digest and not added + changed:
        return
    runs.add(connection, FeedRun(new_id(), now, _sources(reading, _counts(last)), kept, added, changed), digest)


def _counts(run: LastRun | None) -> dict[str, int]:
    sources = run.sources if run else ()
    return {source.source: source.models for source in sources if source.models is not None}


def _sources(reading: Reading, counted: Mapping[str, int]) -> list[SourceRead]:
    """Returns each source as it is put on file. One that was not read in full keeps its last count for comparison."""
    names = [part.source if isinstance(part, FeedResult) else f"list:{part.provider_id}" for part in reading.parts]
    return [
        SourceRead(name, part.complete, len(part.models) if part.complete else counted.get(name), len(part.problems))
        for name, part in zip(names, reading.parts, strict=True)
    ]
