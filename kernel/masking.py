"""What people may see of personal data: masks for display, and the scrubbing of text and records
before they are logged.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Final

from kernel.gbcodes import PROVINCE_PREFIXES, citizen_check

REDACTED: Final = "***"
"""What stands in a log for a value that was declared personal or secret."""

PLAIN_KEYS: Final = frozenset({"trace_id", "span_id", "parent_id", "request_id"})
"""Fields whose long hexadecimal values are correlation ids, not secrets."""

_COMPOUND_SURNAMES: Final = (
    "欧阳司马上官诸葛东方皇甫尉迟公孙慕容令狐宇文长孙司徒夏侯端木轩辕百里东郭南宫呼延"
    "澹台公冶太史申屠仲孙赫连闻人濮阳淳于单于钟离司空鲜于闾丘亓官司寇巫马拓跋独孤西门"
)
_DISTRICT: Final = re.compile(
    r"((?:[一-鿿]{2,8}?(?:省|自治区))?[一-鿿]{2,10}?(?:市|自治州|地区|盟))"
    r"([一-鿿]{1,8}?(?<!小)(?<!社)(?<!园)(?:区|县|市|旗))?"
)

# \d is meant: full-width digits are digits too, and are as personal as the others.
_DIGIT_RUN: Final = re.compile(r"\d{15,}[XxＸｘ]?")
_SPLIT_ID: Final = re.compile(r"(?<!\d)\d{6}[ -]\d{8}[ -]\d{3}[\dXxＸｘ](?![\dXxＸｘ])")
_MOBILE: Final = re.compile(
    r"(?<!\d)((?:(?:\+|00)?86|0)[ -]?)?([1１][3-9３-９]\d)[ -]?(\d{4})[ -]?(\d{4})(?!\d)"
)
_SECRETS: Final = (
    re.compile(r"\b(Bearer\s+|Basic\s+(?=[A-Za-z0-9+/]{8}))[^\s,;\"']+", re.IGNORECASE),
    re.compile(r"\b(sd[a-z]{2}_)[A-Za-z0-9._~+/-]+=*"),
    re.compile(r"\b(eyJ)[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*"),
    re.compile(
        r"\b((?:(?:access_?|refresh_?|id_?)?token|ticket|password|passwd|(?:client_)?secret"
        r"|authorization|cookie)[\"']?\s*[:=]\s*[\"']?)[^\s\"',&;]+",
        re.IGNORECASE,
    ),
)
_LONG_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{32,}={0,2}")
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_SHORTEST_BASE64: Final = 40


def mask_citizen_id(number: str) -> str:
    """Return the first 6 characters, stars and the last 4 of an 18- or 15-character
    公民身份号码.
    """
    return _keep_ends(number, 6, 4)


def mask_phone(number: str) -> str:
    """Return a mobile number as ``138****0001``; of any other number only the last 4 characters."""
    if len(number) == 11:
        return _keep_ends(number, 3, 4)
    return _keep_ends(number, 0, 4)


def mask_name(name: str) -> str:
    """Return the surname and a star for every further character: 张*, 欧阳**; of a single character
    nothing.
    """
    compound = len(name) > 2 and _COMPOUND_SURNAMES.find(name[:2]) % 2 == 0
    kept = 2 if compound else 1
    if len(name) <= kept:
        return "*" * len(name)
    return name[:kept] + "*" * (len(name) - kept)


def mask_bank_account(account: str) -> str:
    """Return the last 4 characters behind ``**** **** ****``; nothing of an account of 8 characters
    or fewer.
    """
    tail = account[-4:] if len(account) > 8 else "****"
    return f"**** **** **** {tail}"


def mask_address(address: str) -> str:
    """Return an address down to its city or district; all of it is masked when neither can be
    recognised.
    """
    match = _DISTRICT.match(address)
    return f"{match.group()}****" if match else "****"


def _keep_ends(text: str, head: int, tail: int) -> str:
    hidden = len(text) - head - tail
    if hidden < 4:
        return "*" * len(text)
    return text[:head] + "*" * hidden + text[len(text) - tail :]


def scrub(text: str) -> str:
    """Return free text without citizen ids, mobile numbers, tokens and other long secrets.

    Names and addresses cannot be recognised in free text: they must not be put there. A social
    credit code stays.
    """
    for secret in _SECRETS:
        text = secret.sub(rf"\1{REDACTED}", text)
    text = _SPLIT_ID.sub(lambda match: _keep_ends(match.group(), 6, 4), text)
    text = _DIGIT_RUN.sub(lambda match: _scrub_run(match.group()), text)
    text = _MOBILE.sub(r"\1\2****\4", text)
    return _LONG_TOKEN.sub(lambda match: _scrub_token(match.group()), text)


def redact(
    record: Mapping[str, object],
    personal_keys: Collection[str],
    plain_keys: Collection[str] = PLAIN_KEYS,
) -> dict[str, object]:
    """Return a copy of a structured record that may be logged.

    Values below ``personal_keys`` (compared without case, at any depth) become ``***``; every other
    text is scrubbed, except below ``plain_keys``. Containers become dict and list; other objects
    are kept as they are.
    """
    hidden = frozenset(key.casefold() for key in personal_keys)
    return _redact_mapping(record, hidden, frozenset(plain_keys))


def _redact_mapping(
    record: Mapping[str, object], hidden: frozenset[str], plain: frozenset[str]
) -> dict[str, object]:
    clean: dict[str, object] = {}
    for key, value in record.items():
        if key.casefold() in hidden:
            clean[key] = REDACTED if value is not None else None
        elif key in plain:
            clean[key] = value
        else:
            clean[key] = _redact_value(value, hidden, plain)
    return clean


def _redact_value(value: object, hidden: frozenset[str], plain: frozenset[str]) -> object:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return _redact_mapping({str(key): item for key, item in value.items()}, hidden, plain)
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [_redact_value(item, hidden, plain) for item in value]
    return value


def _scrub_run(run: str) -> str:
    plain = unicodedata.normalize("NFKC", run).upper()
    if len(plain) == 18 and _looks_like_18(plain):
        return _keep_ends(run, 6, 4)
    if len(plain) == 15 and _looks_like_15(plain):
        return _keep_ends(run, 6, 4)
    return _scrub_windows(run, plain)


def _scrub_windows(run: str, plain: str) -> str:
    # In a longer run only a number with a right check character is taken for an id: order numbers
    # are long too.
    start = 0
    while start + 18 <= len(plain):
        window = plain[start : start + 18]
        if _looks_like_18(window) and citizen_check(window[:17]) == window[17]:
            run = run[:start] + _keep_ends(run[start : start + 18], 6, 4) + run[start + 18 :]
        start += 1
    return run


def _looks_like_18(number: str) -> bool:
    return (
        number[:17].isdecimal()
        and number[:2] in PROVINCE_PREFIXES
        and number[6:8] in {"18", "19", "20"}
        and _is_date(number[6:14])
    )


def _looks_like_15(number: str) -> bool:
    return number.isdecimal() and number[:2] in PROVINCE_PREFIXES and _is_date(f"19{number[6:12]}")


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _scrub_token(token: str) -> str:
    if _HEX.fullmatch(token) is not None:
        # Long runs of digits are business numbers; a digest or key has letters.
        return token if token.isdecimal() else f"{token[:4]}{REDACTED}"
    tests: tuple[Callable[[str], bool], ...] = (str.isdigit, str.isupper, str.islower)
    mixed = all(any(test(char) for char in token) for test in tests)
    return f"{token[:4]}{REDACTED}" if mixed and len(token) >= _SHORTEST_BASE64 else token
