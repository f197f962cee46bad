"""Learn from one reading of the feeds: keep what is new in it, the same for all tenants."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

from stoa.core.ids import new_id
from stoa.database.pool import Connection, Database, Scope
from stoa.domain.providers.provider import Provider
from stoa.domain.sync.feed import FeedProblem, FeedResult
from stoa.domain.sync.feed_matching import match
from stoa.domain.sync.provider_facts import Facts, Key, Reading, merged
from stoa.domain.sync.registry_diff import CONTEXT, PRICE, RETIREMENT, Change, new_models
from stoa.domain.sync.registry_review import Place
from stoa.store.catalogue import registry_models
from stoa.store.catalogue.registry_models import RegistryName
from stoa.store.providers import providers as provider_store
from stoa.store.sync import feed_facts

TOLD_BY_LISTS = (CONTEXT, RETIREMENT)
MOST_PROBLEMS = 2000  # kept of one reading; a feed that is worse than this is one problem


class Learnt(NamedTuple):
    """What is known after a reading: the facts of our models by our id, and the new models that any tenant may want.

    `looked_at`: of which of our models it told what.
    """

    matched: Mapping[str, Facts]
    looked_at: frozenset[Place]
    new: Sequence[Change]
    problems: int
    added: int
    changed: int


class Known(NamedTuple):
    """What there is before a reading: the providers whose models are wanted, and how many models each source had."""

    providers: Sequence[Provider]
    counts: Mapping[str, int]


def known(database: Database) -> Known:
    """What whoever reads the sources has to know."""
    with database.autocommit(Scope(operator=True)) as connection:
        return Known(provider_store.listed(connection), _counts(feed_facts.last_run(connection)))


def learn(database: Database, reading: Reading, now: datetime) -> Learnt:
    """Write what is new in the reading, in one transaction; nothing where nothing is."""
    with database.transaction(Scope(operator=True)) as connection:
        feed_facts.lock(connection)
        before = feed_facts.all_facts(connection)
        names = registry_models.names(connection)
        ours: set[Key] = {(name.provider_id, name.provider_model) for name in names}
        facts = merged(before, reading, ours)
        matches = match(names, reading.models())
        changed = [fact for key, fact in facts.items() if before.get(key) != fact]
        added = sum(fact.key not in before for fact in changed)
        problems = [*(problem for part in reading.parts for problem in part.problems), *matches.problems]
        if changed:
            feed_facts.save(connection, changed, now)
        _keep_run(connection, reading, problems, added, len(changed) - added, now)
    meant = {model_id: facts[model.key] for model_id, model in matches.found.items() if model.key in facts}
    matched = {name.id: _of_its_own(meant[name.id], name, facts) for name in names if name.id in meant}
    listed = _only_listed(names, matched, facts)
    new = new_models(facts.values(), ours | {fact.key for fact in meant.values()})
    looked_at = {(kind, model_id) for model_id in matched for kind in (PRICE, *TOLD_BY_LISTS)}
    looked_at |= {(kind, model_id) for model_id in listed for kind in TOLD_BY_LISTS}
    return Learnt({**matched, **listed}, frozenset(looked_at), new, len(problems), added, len(changed) - added)


def _of_its_own(fact: Facts, name: RegistryName, facts: Mapping[Key, Facts]) -> Facts:
    """The facts of a model of ours that the feed has under another name: whether it is there tells its own."""
    own = facts.get((name.provider_id, name.provider_model))
    if own is None or own.is_listed is None:
        return fact
    return replace(fact, is_listed=own.is_listed, deprecated_on=own.deprecated_on)


def _only_listed(
    names: Iterable[RegistryName], matched: Collection[str], facts: Mapping[Key, Facts]
) -> dict[str, Facts]:
    """The facts of our models that no feed tells of now, and their provider's list does. A price of theirs is old."""
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
    """Put the reading on file where it changed something or met other problems than the last one."""
    told = [asdict(problem) for problem in problems[:MOST_PROBLEMS]]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    last = feed_facts.last_run(connection)
    if last is not None and last["problems_digest"] == digest and not added + changed:
        return
    feed_facts.add_run(
        connection,
        new_id(),
        sources=list(_sources(reading, _counts(last))),
        problems=told,
        problems_digest=digest,
        models_added=added,
        models_changed=changed,
        now=now,
    )


def _counts(run: Mapping[str, Any] | None) -> dict[str, int]:
    sources = run["sources"] if run else ()
    return {source["source"]: source["models"] for source in sources if source["models"] is not None}


def _sources(reading: Reading, counted: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    """Each source as it is put on file. One that was not read in full keeps its last count, to be compared with."""
    for part in reading.parts:
        name = part.source if isinstance(part, FeedResult) else f"list:{part.provider_id}"
        count = len(part.models) if part.complete else counted.get(name)
        yield {
            "source": name,
            "complete": part.complete,
            "models": count,
            "problems": len(part.problems),
        }
