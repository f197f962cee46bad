"""Text from outside that JSON, UTF-8 and PostgreSQL must be able to carry, and our own names in the API's spelling."""

import re

# The null character, which PostgreSQL's text cannot hold, and halves of surrogate pairs, which are no characters.
_NO_CHARACTERS = re.compile("[\\x00\\ud800-\\udfff]")


def storable(text: str) -> str:
    """The text itself, for what a client may be told to correct. Raises ValueError where it could not be stored."""
    if _NO_CHARACTERS.search(text):
        raise ValueError("a null character or half a surrogate pair")
    return text


def made_storable(text: str) -> str:
    """The text with U+FFFD in the place of what could not be stored, for what nobody can be told to correct."""
    return _NO_CHARACTERS.sub("\ufffd", text)


def camel_case(name: str) -> str:
    """A column's or field's name as the API has it."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def snake_case(name: str) -> str:
    """The inverse of `camel_case`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
