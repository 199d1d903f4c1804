"""Takes personal data out of a message before a person sees it, by the field names that
the manifest declares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from adapters.kit.manifest import Manifest

HIDDEN: Final = "***"
_LONG_DIGITS: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[1-9][0-9]{16}[0-9Xx]|1[3-9][0-9]{9})(?![0-9A-Za-z])"
)
"""What has the form of an id number or of a mobile number, wherever it stands."""
_SECRET_WORDS: Final = re.compile(
    r"token|secret|password|passwd|ticket|authorization|cookie|signature|private", re.IGNORECASE
)


class Redactor:
    """Hides the declared fields, whatever sounds like a secret, and what looks like an id
    or mobile number.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._names = frozenset(name.lower() for name in manifest.redact.names)
        tags = "|".join(
            sorted((re.escape(name) for name in manifest.redact.xml), key=len, reverse=True)
        )
        self._xml = (
            re.compile(
                rf"(<(?:\w+:)?(?P<tag>{tags})(?:\s[^>]*)?>).*?(</(?:\w+:)?(?P=tag)\s*>)", re.DOTALL
            )
            if tags
            else None
        )

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers fit to be shown."""
        return {name: self._value(name, value) for name, value in headers.items()}

    def json(self, value: Any) -> Any:
        """Return a parsed JSON value fit to be shown, of the same shape."""
        if isinstance(value, Mapping):
            return {
                name: HIDDEN if self._is_hidden(str(name)) and item is not None else self.json(item)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.json(item) for item in value]
        return _plain(value) if isinstance(value, str) else value

    def body(self, media_type: str, body: bytes) -> str:
        """Return a message fit to be shown, by its media type; unknown forms give only
        their length.
        """
        text = body.decode("utf-8", "replace")
        if media_type.endswith("json"):
            try:
                return json.dumps(self.json(json.loads(text)), ensure_ascii=False)
            except ValueError:
                return f"({len(body)} bytes of broken JSON)"
        if media_type == "application/x-www-form-urlencoded":
            pairs = parse_qsl(text, keep_blank_values=True)
            return urlencode([(name, self._value(name, value)) for name, value in pairs], safe="*")
        if media_type.endswith("xml"):
            return _plain(self._xml.sub(rf"\1{HIDDEN}\3", text) if self._xml else text)
        return f"({len(body)} bytes)"

    def _value(self, name: str, value: str) -> str:
        return HIDDEN if self._is_hidden(name) else _plain(value)

    def _is_hidden(self, name: str) -> bool:
        return name.lower() in self._names or _SECRET_WORDS.search(name) is not None


def _plain(text: str) -> str:
    return _LONG_DIGITS.sub(HIDDEN, text)
