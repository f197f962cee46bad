"""Cutting a document into passages that fit into a prompt: at headings first, then paragraphs, sentences, words.

A passage is a piece of the text as it was written, so that it can be quoted. Nothing is lost but white space between
passages, nothing is said twice, and the order is kept.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from stoa.domain.chat.tokens import estimate_tokens

MOST_TOKENS = 300  # about 220 words of English: enough to make a point, small enough for several in one prompt
_MOST_HEADING_TOKENS = 60  # a longer line that begins with # is no heading, whoever wrote it
_MOST_SPAN_TOKENS = MOST_TOKENS - _MOST_HEADING_TOKENS  # a heading and what follows it always fit together
_MOST_HEADING_CHARACTERS = 200

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*?)[ \t#]*$")
_FENCE = re.compile(r" {0,3}(```|~~~)")
# One sign at the end and at most one behind it: with more, a long run of dots would take time by its square.
_SENTENCES = re.compile(r".+?(?:[.!?…][\"'”’)\]]?(?=\s)|[。！？]|\n|$)\s*", re.DOTALL)
_WORDS = re.compile(r"\S+\s*|\s+")
_CHARACTERS = re.compile(r".{1,100}", re.DOTALL)  # two tokens each at most


class Passage(NamedTuple):
    """A piece of a document under the headings above it, from the outermost in. `tokens` is an estimate."""

    heading: str
    content: str
    tokens: int


class _Span(NamedTuple):
    """A part of the text that is not cut any more. `level` is a heading's, 0 for all else; `title` is the heading's."""

    start: int
    end: int
    tokens: int
    level: int = 0
    title: str = ""


def cut(text: str) -> list[Passage]:
    """Returns the passages of a plain or Markdown text, in order; none of a blank one."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [passage for passage in _passages(text) if passage.content]


def _passages(text: str) -> Iterator[Passage]:
    path: list[_Span] = []
    start, tokens, has_body = 0, 0, False
    for span in _spans(text):
        if (span.level and has_body) or tokens + span.tokens > MOST_TOKENS:
            yield _passage(text, start, span.start, path)
            start, tokens, has_body = span.start, 0, False
        if span.level:
            path = [*(outer for outer in path if outer.level < span.level), span]
        elif not text[span.start : span.end].isspace():
            has_body = True
        tokens += span.tokens
    yield _passage(text, start, len(text), path)


def _passage(text: str, start: int, end: int, path: list[_Span]) -> Passage:
    content = text[start:end].strip()
    heading = " › ".join(span.title for span in path)
    return Passage(heading[:_MOST_HEADING_CHARACTERS], content, estimate_tokens(content))


def _spans(text: str) -> Iterator[_Span]:
    """Headings, paragraphs and pieces of long ones; put together they are the text."""
    for block in _blocks(text):
        if block.level or block.tokens <= _MOST_SPAN_TOKENS:
            yield block
        else:
            yield from _pieces(text, block.start, block.end, (_SENTENCES, _WORDS, _CHARACTERS))


def _blocks(text: str) -> Iterator[_Span]:
    start, fence = 0, ""
    for line in _LINES.finditer(text):
        words = line[0].rstrip("\n")
        opened = _FENCE.match(words)
        heading = None if fence or len(words) > _MOST_HEADING_CHARACTERS else _HEADING.match(words)
        if opened and fence in ("", opened[1]):
            fence = "" if fence else opened[1]
        if heading and estimate_tokens(line[0]) <= _MOST_HEADING_TOKENS:
            if start < line.start():
                yield _span(text, start, line.start())
            yield _span(text, line.start(), line.end())._replace(level=len(heading[1]), title=heading[2])
            start = line.end()
        elif not words.strip() and not fence:
            yield _span(text, start, line.end())
            start = line.end()
    if start < len(text):
        yield _span(text, start, len(text))


def _pieces(text: str, start: int, end: int, cutters: tuple[re.Pattern[str], ...]) -> Iterator[_Span]:
    """The part of the text in pieces that fit, each as long as it can be, by the first cutter that makes them."""
    cutter, *finer = cutters
    begun, tokens = start, 0
    for part in cutter.finditer(text, start, end):
        more = estimate_tokens(part[0])
        if tokens and tokens + more > _MOST_SPAN_TOKENS:
            yield _span(text, begun, part.start())
            begun, tokens = part.start(), 0
        if more > _MOST_SPAN_TOKENS:
            yield from _pieces(text, part.start(), part.end(), tuple(finer))
            begun = part.end()
        else:
            tokens += more
    if begun < end:
        yield _span(text, begun, end)


def _span(text: str, start: int, end: int) -> _Span:
    return _Span(start, end, estimate_tokens(text[start:end]))
