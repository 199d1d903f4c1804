"""The signature of the method gateway: MD5 between two copies of the key (as seen in the field).

MD5 and a shared key protect against accidents, not against an attacker, and answers are not signed
at all: the connection belongs on TLS or a private line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from adapters.upstreams.bosssoft_http.wire import SIGNED


def sign(appkey: str, fields: Mapping[str, str]) -> str:
    """Return 32 lower-case hexadecimal digits over the values in alphabetical order of names."""
    text = appkey + "".join(fields[name] for name in SIGNED) + appkey
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()
