"""What may be shown of a provider's key: enough to tell one from another, too little to use it."""

import hashlib
import json

FINGERPRINT_DIGITS = 12


def fingerprint(key: str) -> str:
    """The first digits of the key's SHA-256: two keys are the same when these are, and no key is found from them."""
    return hashlib.sha256(key.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def last_four(key: str) -> str:
    """The characters by which people know a key. Of a service account's JSON, those of its key's id."""
    return _name_of(key)[-4:]


def _name_of(key: str) -> str:
    try:
        account = json.loads(key)
    except ValueError:
        return key
    return str(account["private_key_id"]) if isinstance(account, dict) and "private_key_id" in account else key
