"""The commands that README and `make run` tell people to paste do what they say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dev import ROOT
from tests.e2e.clients import Stack

PRACTICE = ROOT / "dev" / "practice" / "README.md"
pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl, as whoever pastes does")


def paste(command: str, fails: bool = False) -> str:
    """Returns what a shell prints for it. A curl that is answered with an error fails."""
    failing = re.sub(r"\bcurl\b", "curl --fail-with-body --silent --show-error", command)
    done = subprocess.run(["bash", "-euc", failing], capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) is fails, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def commands(document: Path) -> list[str]:
    """The blocks of the document that call something: fenced ones, and indented ones."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL) + re.findall(
        r"(?:^    .*\n)+", text, re.M
    )
    return [block for block in blocks if "curl" in block]


def test_the_chat_in_the_readme_is_answered_as_it_shows(todays_stack: Stack) -> None:
    (chat,) = commands(ROOT / "README.md")
    printed = paste(chat.replace("localhost:8787", f"localhost:{todays_stack.port}"))
    events = [line.removeprefix("event: ") for line in printed.splitlines() if line.startswith("event: ")]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^event: (\w+)$", readme, re.MULTILINE)
    assert [events[0], events[1], *events[-3:]] == shown
    for part in ("rule", "access", "reason", "charge", "currency", "marker"):
        (said,) = set(re.findall(rf'"{part}":("[^"]*"|\d+)', readme))
        assert f'"{part}":{said}' in printed


def test_what_the_practice_readme_calls_is_taken(stack: Stack) -> None:
    text = [block.replace("127.0.0.1:8790", f"127.0.0.1:{stack.practice.port}") for block in commands(PRACTICE)]
    chat, *controls = text
    paste(chat, fails=True)  # it is cut off, and curl says so
    assert (stack.practice.calls()[-1]["chunksSent"], len(controls)) == (5, 2)
    for control in controls:
        assert "true" in paste(control)
    stack.practice.clear()


def test_each_line_that_make_run_prints_is_answered(stack: Stack) -> None:
    printed = [re.search(r"curl (?!-N).*?(?= \(|$)", line) for line in stack.running.lines]
    found = [match.group() for match in printed if match]
    assert len(found) == 4
    for command in found:
        assert "error" not in paste(command)
