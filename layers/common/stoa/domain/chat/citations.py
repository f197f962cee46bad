"""Finds the passages of a prompt that an answer cites. Imported when there are passages: patterns cost a cold start."""

import re
from collections.abc import Sequence

from stoa.domain.chat.answer_report import PassageCitation
from stoa.domain.personas.knowledge import PromptPassage

MOST_QUOTE_CHARACTERS = 300

# Fenced or inline code: `cells[1]` there is no citation.
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`", re.DOTALL)
# [1], [1, 3] and the same in the brackets that some models prefer. [1](address) is a link of the model's own.
_MARKER = re.compile(r"[\[【]([0-9]{1,3}(?:\s*[,;]\s*[0-9]{1,3}){0,20})[\]】](?!\()")
# A sentence may run over the end of a line, but not into another paragraph or the next item of a list.
_HEADING_LINE = re.compile(r"^ {0,3}#{1,6}[ \t].*$", re.MULTILINE)
_BLOCK_END = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+•]|[0-9]+[.)])[ \t])")
_SENTENCE = re.compile(r".+?(?:[.!?…][\"'”’)\]]?(?=\s|$)|[。！？]|$)", re.DOTALL)
_SENTENCE_END = re.compile(r"[.!?…。！？]\s")
_NUMBER = re.compile(r"[0-9]+")
# Chinese and Japanese have no spaces, so each character counts as a word; Korean words carry particles, so the last
# syllable does not count: both as where passages are searched.
_CHINESE, _KOREAN = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff", r"\uac00-\ud7a3"
_WORD = re.compile(rf"[{_CHINESE}]|(?P<stem>[{_KOREAN}]+?)[{_KOREAN}]?(?![{_KOREAN}])|[^\W{_CHINESE}{_KOREAN}]{{3,}}")


def citations(answer: str, passages: Sequence[PromptPassage]) -> list[PassageCitation]:
    """Returns the passages that the answer cites, in the order in which it does, each once with a verbatim quote.

    `passages` are those that were in the prompt; a number that none of them has is no citation.
    """
    text = _CODE.sub(lambda code: " " * len(code[0]), answer)
    first: dict[int, int] = {}  # where each number is cited first
    for marker in _MARKER.finditer(text):
        for digits in _NUMBER.findall(marker[1]):
            first.setdefault(int(digits), marker.start())
    return [
        PassageCitation(
            passage_id=passage.passage_id,
            persona_id=passage.persona_id,
            title=passage.title,
            quote=quote(passage.content, _sentence_before(text, position)),
            marker=number,
        )
        for number, position in first.items()
        for passage in passages[number - 1 : number]
    ]


def quote(content: str, said: str) -> str:
    """Returns the sentence of the passage that has most words in common with what was said; of several the first."""
    wanted = _words(said)
    blocks = _BLOCK_END.split(_HEADING_LINE.sub("\n", content))
    sentences = [part[0].strip() for block in blocks for part in _SENTENCE.finditer(block) if _WORD.search(part[0])]
    best = max(
        sentences or [content.strip()],
        key=lambda sentence: len(wanted & _words(sentence)),
    )
    return best[:MOST_QUOTE_CHARACTERS].rstrip()


def _words(text: str) -> set[str]:
    return {word["stem"] or word[0] for word in _WORD.finditer(text.casefold())}


def _sentence_before(text: str, position: int) -> str:
    before = text[max(0, position - MOST_QUOTE_CHARACTERS) : position]
    return _SENTENCE_END.split(_MARKER.sub(" ", before).strip())[-1]
