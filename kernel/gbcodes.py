"""Chinese standard identifiers: citizen ids, social credit codes, licence identifiers and their
check characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Final

from kernel.errors import InvalidInput, Text

PROVINCE_PREFIXES: Final = frozenset(
    f"{first}{second}"
    for first, seconds in {
        "1": "12345",
        "2": "123",
        "3": "1234567",
        "4": "123456",
        "5": "01234",
        "6": "12345",
        "8": "123",
    }.items()
    for second in seconds
)
"""The 31 provinces, and 81, 82 and 83 for residents of Hong Kong, Macao and Taiwan."""

LICENCE_ROOT: Final = "1.2.156.3005.2"
"""电子证照根代码, the root of every licence identifier (GB/T 36904)."""

_ALPHANUMERIC: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CITIZEN_CHECKS: Final = "10X98765432"
_CITIZEN_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_ID: Final = re.compile(r"[0-9]{17}[0-9Xx]|[0-9]{15}")
_OLD_LENGTH: Final = 15
_EARLIEST_BIRTH: Final = date(1900, 1, 1)

_USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_USCC: Final = re.compile(rf"[{_USCC_ALPHABET}]{{2}}[0-9]{{6}}[{_USCC_ALPHABET}]{{10}}")
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_BODY: Final = re.compile(r"[0-9A-Z]{8}")

_LICENCE: Final = re.compile(
    re.escape(LICENCE_ROOT)
    + r"\.([0-9A-Z]{21})\.([0-9A-Z]{6,18})\.([0-9A-Z]{1,40})\.([0-9]{3})\.([0-9A-Z])"
)


class InvalidCitizenId(InvalidInput):
    """Not a citizen id number; the text never repeats the value."""

    code = "citizen_id_invalid"
    title = Text("公民身份号码有误", "The citizen id number is invalid")
    citizen = Text("身份证号码有误，请核对后重新填写。", "The id number is wrong; please check it.")
    clerk = Text(
        "公民身份号码未通过校验，请核对证件。",
        "The citizen id failed its check; compare the document.",
    )


class InvalidUscc(InvalidInput):
    """Not a unified social credit code."""

    code = "uscc_invalid"
    title = Text("统一社会信用代码有误", "The unified social credit code is invalid")
    citizen = Text(
        "统一社会信用代码有误，请核对营业执照。",
        "The credit code is wrong; please check the licence.",
    )
    clerk = Text("统一社会信用代码未通过校验，请核对。", "The social credit code failed its check.")


class InvalidLicenceIdentifier(InvalidInput):
    """Not of the shape of a licence identifier."""

    code = "licence_identifier_invalid"
    title = Text("电子证照标识有误", "The licence identifier is invalid")
    citizen = Text(
        "证照标识有误，请重新选择证照。",
        "The licence identifier is wrong; choose the licence again.",
    )
    clerk = Text("电子证照标识格式有误，请核对。", "The licence identifier is malformed.")


class Sex(Enum):
    """性别 as the sequence number of a citizen id carries it."""

    MALE = "MALE"
    FEMALE = "FEMALE"


class CheckVerdict(Enum):
    """What a check character says about a licence identifier."""

    OK = "OK"
    MISMATCH = "MISMATCH"
    UNPARSEABLE = "UNPARSEABLE"


@dataclass(frozen=True, slots=True)
class CitizenId:
    """公民身份号码, 18 characters (GB 11643-1999); its repr does not show the number."""

    number: str = field(repr=False)
    birth: date = field(repr=False)
    sex: Sex

    @property
    def area(self) -> str:
        """The six digits of the place of first registration; not always a code of today."""
        return self.number[:6]


@dataclass(frozen=True, slots=True)
class Uscc:
    """统一社会信用代码, 18 characters (GB 32100-2015)."""

    code: str

    @property
    def kind(self) -> str:
        """Registrar and category, for example ``91`` for an enterprise."""
        return self.code[:2]

    @property
    def division(self) -> str:
        """The six digits of the registrar's division."""
        return self.code[2:8]

    @property
    def organisation(self) -> str:
        """The nine characters of the organisation code (GB 11714)."""
        return self.code[8:17]

    @property
    def organisation_check_ok(self) -> bool:
        """Whether the inner check holds; some genuine old codes fail it, so it is only a hint."""
        return organisation_check(self.organisation[:8]) == self.organisation[8]


@dataclass(frozen=True, slots=True)
class LicenceIdentifier:
    """电子证照标识: type, issuer, serial, version and check character below the constant root (GB/T
    36904).
    """

    type_code: str
    issuer: str
    serial: str
    version: str
    check: str

    @property
    def verdict(self) -> CheckVerdict:
        """OK or MISMATCH. A mismatch is a warning, not a forgery: real licences with one are in
        use.
        """
        body = self.type_code + self.issuer + self.serial + self.version
        return CheckVerdict.OK if mod_37_36(body) == self.check else CheckVerdict.MISMATCH

    def __str__(self) -> str:
        parts = (LICENCE_ROOT, self.type_code, self.issuer, self.serial, self.version, self.check)
        return ".".join(parts)


def mod_37_36(body: str) -> str:
    """Return the ISO/IEC 7064 MOD 37,36 check character (GB/T 17710) of 0-9 and A-Z; ValueError for
    others.
    """
    return _ALPHANUMERIC[_hybrid(body, 36)]


def mod_11_10(body: str) -> str:
    """Return the ISO/IEC 7064 MOD 11,10 check digit of decimal digits; ValueError for others."""
    return _ALPHANUMERIC[_hybrid(body, 10)]


def _hybrid(body: str, modulus: int) -> int:
    product = modulus
    for char in body:
        value = _ALPHANUMERIC.index(char)
        if value >= modulus:
            raise ValueError("character outside the alphabet of the check system")
        product = (product + value) % modulus or modulus
        product = product * 2 % (modulus + 1)
    return (1 - product) % modulus


def citizen_check(body: str) -> str:
    """Return the check character of the first 17 digits of a citizen id (ISO 7064 MOD 11-2)."""
    weighted = sum(
        int(digit) * weight for digit, weight in zip(body, _CITIZEN_WEIGHTS, strict=True)
    )
    return _CITIZEN_CHECKS[weighted % 11]


def organisation_check(body: str) -> str:
    """Return the check character of the first 8 characters of an organisation code (GB 11714)."""
    values = (_ALPHANUMERIC.index(char) for char in body)
    weighted = sum(
        value * weight for value, weight in zip(values, _ORGANISATION_WEIGHTS, strict=True)
    )
    return "0123456789X0"[11 - weighted % 11]


def uscc_check(body: str) -> str:
    """Return the check character of the first 17 characters of a social credit code (GB 32100)."""
    values = (_USCC_ALPHABET.index(char) for char in body)
    weighted = sum(value * weight for value, weight in zip(values, _USCC_WEIGHTS, strict=True))
    return _USCC_ALPHABET[-weighted % 31]


def parse_citizen_id(text: str, *, today: date) -> CitizenId:
    """Return the 18-character citizen id of an 18- or 15-character text.

    A lower-case x is accepted and raised, 15 digits are completed with 19 and the check character.
    The birth date must exist between 1900-01-01 and ``today``; the first two digits must be a
    province, while the six digits need not be a division of today. Raise InvalidCitizenId
    otherwise. Source: GB 11643-1999.
    """
    if _CITIZEN_ID.fullmatch(text) is None:
        raise InvalidCitizenId("a citizen id has 18 characters, or 15 digits")
    number = text.upper()
    if len(number) == _OLD_LENGTH:
        body = f"{number[:6]}19{number[6:]}"
        number = body + citizen_check(body)
    if number[:2] not in PROVINCE_PREFIXES:
        raise InvalidCitizenId("the area of the citizen id is in no province")
    try:
        birth = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        # The original error repeats parts of the number, so it is not chained.
        raise InvalidCitizenId("the birth date in the citizen id does not exist") from None
    if not _EARLIEST_BIRTH <= birth <= today:
        raise InvalidCitizenId("the birth date in the citizen id is out of range")
    if citizen_check(number[:17]) != number[17]:
        raise InvalidCitizenId("the check character of the citizen id does not match")
    return CitizenId(number, birth, Sex.MALE if int(number[16]) % 2 else Sex.FEMALE)


def make_citizen_id(area: str, birth: date, sequence: int) -> str:
    """Return a citizen id with a right check character, for synthetic people.

    ``area`` is six digits, ``sequence`` 0 to 999, odd for male. Raise ValueError for anything else.
    """
    if re.fullmatch(r"[0-9]{6}", area) is None or not 0 <= sequence <= 999:
        raise ValueError("area needs six digits and sequence three")
    body = f"{area}{birth:%Y%m%d}{sequence:03d}"
    return body + citizen_check(body)


def parse_uscc(text: str) -> Uscc:
    """Return the social credit code of an 18-character text, letters raised to upper case.

    Only the outer check decides: raise InvalidUscc when it or the shape fails. Unknown registrars
    pass, because the list of registrars is open. Source: GB 32100-2015.
    """
    code = text.upper() if text.isascii() else text
    if _USCC.fullmatch(code) is None:
        raise InvalidUscc("a social credit code has 18 characters of its own alphabet")
    if uscc_check(code[:17]) != code[17]:
        raise InvalidUscc("the check character of the social credit code does not match")
    return Uscc(code)


def make_uscc(kind: str, division: str, organisation: str) -> str:
    """Return a social credit code with both checks right, for synthetic organisations.

    ``kind`` is two characters such as ``91``, ``division`` six digits, ``organisation`` the eight
    characters before the organisation check. Raise ValueError when the result would not have the
    standard's shape.
    """
    if _ORGANISATION_BODY.fullmatch(organisation) is None:
        raise ValueError("organisation needs eight characters of 0-9 and A-Z")
    body = kind + division + organisation + organisation_check(organisation)
    if _USCC.fullmatch(body + "0") is None:
        raise ValueError("not the parts of a social credit code")
    return body + uscc_check(body)


def parse_licence_identifier(text: str) -> LicenceIdentifier:
    """Return the parts of a 电子证照标识, upper-cased; the check character is judged by ``verdict``
    only.

    Raise InvalidLicenceIdentifier when the shape is not root and five parts. Source: GB/T 36904.
    """
    match = _LICENCE.fullmatch(text.upper() if text.isascii() else text)
    if match is None:
        raise InvalidLicenceIdentifier("a licence identifier is the root and five parts")
    return LicenceIdentifier(*match.groups())


def licence_verdict(text: str) -> CheckVerdict:
    """Return OK, MISMATCH or UNPARSEABLE for any text, without raising."""
    try:
        return parse_licence_identifier(text).verdict
    except InvalidLicenceIdentifier:
        return CheckVerdict.UNPARSEABLE


def make_licence_identifier(type_code: str, issuer: str, serial: str, version: int) -> str:
    """Return a licence identifier with its check character; raise InvalidLicenceIdentifier for
    wrong parts.
    """
    body = f"{type_code}{issuer}{serial}{version:03d}".upper()
    check = mod_37_36(body) if body.isascii() and body.isalnum() else "?"
    draft = f"{LICENCE_ROOT}.{type_code}.{issuer}.{serial}.{version:03d}.{check}"
    return str(parse_licence_identifier(draft))
