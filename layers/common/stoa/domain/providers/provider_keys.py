"""Rules for a tenant's own provider key: its form, and the parts that may be shown, too little to use it."""

import hashlib
import json
import re
from collections.abc import Mapping, Set

FINGERPRINT_DIGITS = 12
GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_ACCOUNT_FIELDS = ("client_email", "private_key", "private_key_id", "token_uri")
_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


def fingerprint(key: str) -> str:
    """Returns the first digits of the key's SHA-256. They tell whether two keys are the same, and reveal none."""
    return hashlib.sha256(key.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def last_four(key: str) -> str:
    """Returns the characters by which people know a key. A service account's JSON is known by its key's id."""
    return _name_of(key)[-4:]


def _name_of(key: str) -> str:
    try:
        account = json.loads(key)
    except ValueError:
        return key
    return str(account["private_key_id"]) if isinstance(account, dict) and "private_key_id" in account else key


def key_problem(auth: str, key: str) -> str | None:
    """Returns why a text cannot be a key, or None. `auth` is the provider's way to sign callers in."""
    if auth == "service_account" and key.startswith("{"):
        return _account_problem(key)
    if not (key.isascii() and key.isprintable()) or " " in key:
        return "a key is printable ASCII without spaces, as the provider shows it"
    return None


def settings_problems(places: Set[str], preset: Set[str], given: Mapping[str, str]) -> dict[str, str]:
    """Returns why settings cannot fill the places in a provider's address: reasons by name.

    `preset` are the places that the provider's options fill. Values become parts of a host name or path, so they are
    letters, digits and hyphens: no tenant can lead its key, or us, to another host.
    """
    takes = f"it takes {', '.join(sorted(places))}" if places else "it takes none"
    problems = {name: f"not known for this provider; {takes}" for name in given if name not in places}
    problems |= {name: "the provider's address needs it" for name in places - preset if name not in given}
    for name in places & set(given):
        if not _LABEL.fullmatch(given[name]):
            problems[name] = "1 to 63 lower-case letters, digits and hyphens"
    return problems


def _account_problem(key: str) -> str | None:
    try:
        account = json.loads(key)
    except ValueError:
        return "not the JSON that Google hands out"
    if not isinstance(account, dict) or not all(isinstance(account.get(name), str) for name in _ACCOUNT_FIELDS):
        return f"not a service account's key: it needs {', '.join(_ACCOUNT_FIELDS)}"
    if account["token_uri"] != GOOGLE_TOKEN_URI:
        return f"token_uri has to be {GOOGLE_TOKEN_URI}"  # we post to it: no tenant may lead us elsewhere
    return None
