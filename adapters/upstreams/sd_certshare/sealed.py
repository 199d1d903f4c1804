"""Opens what the share service encrypts for its caller: SM2 over UTF-8 JSON, written in hex."""

from __future__ import annotations

import json
from typing import Any, Final

from kernel.crypto import sm2
from kernel.crypto.sm2_cipher import from_hex

MAX_LAYERS: Final = 3


def read_key(text: str) -> sm2.PrivateKey:
    """Return the private key of PEM text or of 64 hexadecimal digits; raise InvalidKey."""
    plain = text.strip()
    if plain.startswith("-----"):
        return sm2.PrivateKey.from_pem(plain)
    return sm2.PrivateKey.from_hex(plain)


def opened(ciphertext: str, key: sm2.PrivateKey | str, order: str) -> Any:
    """Return the JSON value inside, also when it was encoded up to three times; ``order`` is
    ``C1C2C3`` or ``C1C3C2``.

    Raise DecryptionFailed for another key or order, ValueError when there is no JSON inside.
    """
    private = read_key(key) if isinstance(key, str) else key
    found: Any = json.loads(sm2.decrypt(private, from_hex(ciphertext), sm2.Order(order)))
    for _ in range(MAX_LAYERS - 1):
        if not isinstance(found, str) or not found.startswith(("{", "[", '"')):
            # A file's base64 is a text and stays one.
            break
        found = json.loads(found)
    return found
