"""Languages that Stoa speaks: of its words to members, and of the texts about models."""

import re

DEFAULT_LANGUAGE = "en"
LANGUAGES = (DEFAULT_LANGUAGE, "de")

_RANGE = re.compile(r"([a-z]{1,8})(?:-[a-z0-9]{1,8})*", re.IGNORECASE)
_QUALITY = re.compile(r"q=(\d(?:\.\d{1,3})?)")


def preferred(accepted: str | None) -> str:
    """Returns the language of ours that a header `Accept-Language` likes best, else English.

    https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4
    """
    best, weight = DEFAULT_LANGUAGE, 0.0
    for part in (accepted or "").split(","):
        name, _, parameters = part.strip().partition(";")
        found = _RANGE.fullmatch(name.strip())
        quality = _QUALITY.search(parameters)
        liked = float(quality[1]) if quality else 1.0
        language = found[1].lower() if found else ""
        if language in LANGUAGES and liked > weight:
            best, weight = language, liked
    return best
