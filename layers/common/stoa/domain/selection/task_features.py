"""Reads what a message is about from its words and signs: the features that Auto chooses by.

Only tables and set operations: no model, no network, and only the beginning and the end of a long text are read.
"""

import re
from typing import NamedTuple

from stoa.domain.selection.offers import ChatRequest

KIND_CODE = "code"
KIND_MATHS = "maths"
KIND_EXPERT = "expert"
KIND_CREATIVE = "creative"
KIND_LANGUAGES = "languages"
KIND_LONG = "long"
KIND_SHORT = "short"
KIND_GENERAL = "general"

LONG_INPUT_TOKENS = 20_000
SHORT_INPUT_TOKENS = 60
_HEAD_CHARACTERS = 1500
_TAIL_CHARACTERS = 500  # the question often stands after the pasted text
_SCRIPT_SAMPLE = 300
_FOREIGN_SHARE = 0.2  # a few foreign names do not make a foreign text


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A strong word or mark tells the subject alone; of the weak ones it takes two.
CODE_MARKS = (
    "```",
    "();",
    "#include",
    "=> {",
    "console.log",
    "public static",
    "):\n",
    ";\n",
    "{\n",
    "SELECT * ",
    "c++",
)
CODE_WORDS = _words(
    "python javascript typescript java kotlin golang sql regex html css json yaml bash dockerfile kubernetes "
    "refactor debug compiler traceback stacktrace unittest pytest nullpointerexception typeerror git npm "
    "def elif printf struct async await"
)
WEAK_CODE_WORDS = _words(
    "code function class method variable array string loop script bug error program programming algorithm api library "
    "query database server import return implement test tests unit recursion compile"
)
MATHS_MARKS = ("\\frac", "\\int", "\\sum", "\\sqrt", "$$", "∫", "∑", "√", "≤", "≥", "π", "^2", "²")
MATHS_WORDS = _words(
    "integral integrate derivative differentiate equation equations theorem lemma eigenvalue eigenvalues polynomial "
    "calculus algebra trigonometry logarithm factorial hypotenuse modulo"
)
WEAK_MATHS_WORDS = _words(
    "solve prove proof calculate compute probability sum product root square triangle circle number numbers integer "
    "integers prime primes fraction matrix vector limit series percent maths math mathematics arithmetic"
)
_ARITHMETIC = re.compile(r"\d\s*[*^×÷+=]\s*\d")
_WORD = re.compile(r"[^\W\d_]+")

# The commonest short words: enough to tell that a text in Latin letters is not English.
ENGLISH_WORDS = _words("the of and to is in that it you for was are with what how this i my a can do")
FOREIGN_WORDS = _words(
    "der das und ist nicht ein eine ich wie mit dem auf für sind bitte "
    "le la les des une est dans que vous je qui avec sur comment pourquoi "
    "el los las una es por para cómo qué del muy "
    "il di che un non sono della gli perché "
    "o os um não você como uma em "
    "het een niet dat voor zijn wat jest nie się"
)

KIND_OF_DOMAIN_MODE = {
    "code": KIND_CODE,
    "medical": KIND_EXPERT,
    "legal": KIND_EXPERT,
    "academic": KIND_EXPERT,
    "scientific": KIND_EXPERT,
    "creative": KIND_CREATIVE,
}
KIND_OF_FOCUS_MODE = {
    "code": KIND_CODE,
    "analyst": KIND_EXPERT,
    "researcher": KIND_EXPERT,
    "writer": KIND_CREATIVE,
}


class TaskFeatures(NamedTuple):
    """Holds what Auto knows of a message. `kind` picks the weights, `because` says in words what was seen."""

    kind: str
    because: str


def features_of(request: ChatRequest, input_tokens: int) -> TaskFeatures:
    """Returns the dominant kind of task: what the message shows, then the modes it was sent in, then its size.

    `input_tokens` is the estimate for all that is sent, history included.
    """
    sample = _sample(request.content)
    words = set(_WORD.findall(sample.lower()))
    if contains_code(sample, words):
        return TaskFeatures(KIND_CODE, "the message contains code or asks for it")
    if contains_maths(sample, words):
        return TaskFeatures(KIND_MATHS, "the message asks for mathematics")
    if request.domain_mode in KIND_OF_DOMAIN_MODE:
        return TaskFeatures(
            KIND_OF_DOMAIN_MODE[request.domain_mode], f"it was sent in the {request.domain_mode} domain"
        )
    if request.focus_mode in KIND_OF_FOCUS_MODE:
        return TaskFeatures(KIND_OF_FOCUS_MODE[request.focus_mode], f"it was sent in the {request.focus_mode} mode")
    if input_tokens >= LONG_INPUT_TOKENS:
        return TaskFeatures(KIND_LONG, "there is much to read")
    if in_another_language(sample, words):
        return TaskFeatures(KIND_LANGUAGES, "the message is not in English")
    if input_tokens <= SHORT_INPUT_TOKENS:
        return TaskFeatures(KIND_SHORT, "the message is short")
    return TaskFeatures(KIND_GENERAL, "the message is a general one")


def contains_code(text: str, words: set[str]) -> bool:
    """True when the text has source code in it or asks for some. `words` are the text's, in lower case."""
    if not CODE_WORDS.isdisjoint(words) or any(mark in text for mark in CODE_MARKS):
        return True
    return len(WEAK_CODE_WORDS & words) >= 2


def contains_maths(text: str, words: set[str]) -> bool:
    """True when the text has formulas in it or asks for calculation or proof."""
    if not MATHS_WORDS.isdisjoint(words) or any(mark in text for mark in MATHS_MARKS):
        return True
    return len(WEAK_MATHS_WORDS & words) >= 2 or _ARITHMETIC.search(text) is not None


def in_another_language(text: str, words: set[str]) -> bool:
    """True when a good part of the letters is not Latin, or when the common words are another language's."""
    if not text.isascii():
        letters = [letter for letter in text[:_SCRIPT_SAMPLE] if letter.isalpha()]
        foreign = sum(letter > "\u024f" for letter in letters)  # the end of the Latin blocks
        if foreign > _FOREIGN_SHARE * len(letters):
            return True
    return len(FOREIGN_WORDS & words) > len(ENGLISH_WORDS & words)


def _sample(content: str) -> str:
    """Returns the beginning and the end of a long text, all of a short one."""
    if len(content) <= _HEAD_CHARACTERS + _TAIL_CHARACTERS:
        return content
    return f"{content[:_HEAD_CHARACTERS]} {content[-_TAIL_CHARACTERS:]}"
