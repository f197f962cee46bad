"""Every file that README, CONTRIBUTING, CHANGELOG and docs/ mention exists, and the decisions are in order."""

import re
from pathlib import Path

import pytest

from tests.contract.template import ROOT

DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    ROOT.glob("docs/**/*.md")
)
# A file's path as prose writes it. A path with a placeholder (`functions/<name>/handler.py`) names no one file.
MENTIONED = re.compile(
    r"(?<![\w/<>.:{}*-])((?:[\w.-]+/)*[\w.-]+\.(?:py|md|sql|toml|csv|sh|yaml|json|lock|txt|svg))\b(?!/)"
)
LINKED = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
# Files of others: feeds serve them, tools read them, or a build makes them.
NOT_OURS = {"data.json", "snapshot.json", "latest.json", "pylock.toml", "overrides.csv"}
PLACES = [ROOT, ROOT / "layers" / "common", ROOT / "docs"]


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_file_it_mentions_exists(document: Path) -> None:
    code = re.findall(r"`([^`\n]+)`", document.read_text(encoding="utf-8"))
    mentioned = {path for text in code for path in MENTIONED.findall(text)}
    missing = {path for path in mentioned if Path(path).name not in NOT_OURS and not exists(document, path)}
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_to_a_file(document: Path) -> None:
    linked = set(LINKED.findall(document.read_text(encoding="utf-8")))
    assert not {path for path in linked if not (document.parent / path).exists()}


def exists(document: Path, path: str) -> bool:
    """A bare name may stand for a file that a folder's README or the sentence before it places."""
    if any((place / path).exists() for place in [*PLACES, document.parent]):
        return True
    return "/" not in path and any(ours(found) for found in ROOT.rglob(path))


def ours(found: Path) -> bool:
    return not any(part.startswith(".") for part in found.relative_to(ROOT).parts)


def test_decisions_are_numbered_without_gaps_and_say_status_date_and_area() -> None:
    decisions = sorted(DECISIONS.glob("0*.md"))
    assert [path.name[:5] for path in decisions] == [f"{number:04}-" for number in range(1, len(decisions) + 1)]
    for number, path in enumerate(decisions, 1):
        title, _, facts = path.read_text(encoding="utf-8").split("\n")[:3]
        assert title.startswith(f"# {number}. ")
        assert re.fullmatch(r"Status: (accepted|superseded by .+) · Date: \d{4}-\d{2}-\d{2} · Area: \w+", facts), path


def test_every_decision_is_in_the_index_as_it_stands() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    for path in DECISIONS.glob("0*.md"):
        title, _, facts = path.read_text(encoding="utf-8").split("\n")[:3]
        number, name = title.removeprefix("# ").split(". ", 1)
        status, date, area = (fact.split(": ", 1)[1] for fact in facts.split(" · "))
        assert f"| [{number}]({path.name}) | {name} | {area} | {status} | {date} |" in index


def test_the_walk_through_all_layers_quotes_the_code_as_it_stands() -> None:
    walk = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## One feature", 1)[1].split("\n## ", 1)[0]
    mentioned = {path for text in re.findall(r"`([^`\n]+)`", walk) for path in MENTIONED.findall(text) if "/" in path}
    code = "\n".join((place / path).read_text() for path in mentioned for place in PLACES if (place / path).exists())
    quoted = [line.strip() for block in re.findall(r"```\w+\n(.*?)```", walk, re.DOTALL) for line in block.splitlines()]
    assert len(quoted) > 10
    assert not [line for line in quoted if "..." not in line and line not in code]
