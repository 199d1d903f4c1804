"""Metadata of issued licences: term, face by the type's dictionary, attachment, catalogue record.

The pinyin keys are those of GB/T 36903 files as seen; the XML around them is OURS.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final
from xml.sax.saxutils import escape

from e_license.errors import LicenceNotSupported
from e_license.issuing.errors import AwardInvalid
from e_license.issuing.model import Award, IssuableField, IssuableType, IssuedLicence, LicenceHolder
from e_license.model import IdDocType
from kernel.clock import beijing_day

NAMESPACE: Final = "urn:onewindow:licence:1"
LONG_TERM: Final = "长期"
_JOIN: Final = ","
"""Between joint holders in one column of the catalogue (OURS)."""
_REQUIRED: Final = (
    "certificate_type",
    "certificate_type_code",
    "certificate_source_id",
    "certificate_name",
    "certificate_number",
    "certificate_holder",
    "certificate_holder_code",
    "certificate_area_code",
    "issue_dept",
    "issue_dept_code",
    "issue_date",
)
COLUMNS: Final = (
    *_REQUIRED,
    "certificate_holder_type",
    "certificate_state",
    "cd_operation",
    "cd_time",
)
"""Columns of ``up_lic_data``; ``certificate_state`` is ours, for a change of state needs one."""

KIND_NAMES: Final[Mapping[IdDocType, str]] = {
    IdDocType.UNIFIED_SOCIAL_CREDIT_CODE: "统一社会信用代码",
    IdDocType.CITIZEN_ID: "公民身份号码",
    IdDocType.HONG_KONG_MACAO_TRAVEL_PERMIT: "港澳居民来往内地通行证",
    IdDocType.TAIWAN_TRAVEL_PERMIT: "台湾居民来往大陆通行证",
    IdDocType.FOREIGN_PERMANENT_RESIDENT: "外国人永久居留身份证",
}
"""持证主体代码类型 as written on a licence; any other kind has its code only."""


@cache
def types() -> Mapping[str, IssuableType]:
    """Return the types that this gateway may issue, by code."""
    text = files("e_license.issuing").joinpath("types.toml").read_text("utf-8")
    found = {}
    for entry in tomllib.loads(text)["type"]:
        fields = tuple(IssuableField(**one) for one in entry.pop("fields"))
        found[entry["code"]] = IssuableType(fields=fields, **entry)
    return found


def type_of(code: str) -> IssuableType:
    """Return a type. Raises LicenceNotSupported for one that is not issued here."""
    found = types().get(code)
    if found is None:
        raise LicenceNotSupported("this type of licence is not issued here")
    return found


def face_of(award: Award) -> dict[str, str]:
    """Return the face data of an award. Raises AwardInvalid naming every value that is missing."""
    fields = type_of(award.type_code).fields
    lacks = [one.source for one in fields if not award.values.get(one.source, "").strip()]
    if not award.holders:
        lacks.append("holders")
    if lacks:
        raise AwardInvalid("values are missing", lacks=lacks)
    return {one.key: award.values[one.source] for one in fields}


def term_end(kind: IssuableType, values: Mapping[str, str], start: date) -> date | None:
    """Return the last day of the term, None for 长期. Raises AwardInvalid for one before it begins.

    A term of years ends the day before its anniversary.
    """
    if kind.until:
        try:
            end = date.fromisoformat(values.get(kind.until, ""))
        except ValueError:
            raise AwardInvalid("the end of the term is no date", lacks=[kind.until]) from None
        if end < start:
            raise AwardInvalid("the term would end before it begins", lacks=[kind.until])
        return end
    if kind.years == 0:
        return None
    # On 29 February the anniversary of most years is 1 March, and the day before it the 28th.
    day = 28 if (start.month, start.day) == (2, 29) else start.day
    anniversary = date(start.year + kind.years, start.month, day)
    return anniversary if day != start.day else date.fromordinal(anniversary.toordinal() - 1)


def common(licence: IssuedLicence) -> dict[str, str]:
    """Return the metadata that every licence has, without its holders, by pinyin key."""
    return {
        "ZZBS": licence.identifier,
        "ZZLXMC": licence.type_name,
        "ZZLXDM": licence.type_code,
        "ZZMC": licence.type_name,
        "ZZBH": licence.number,
        "ZZBFJG": licence.issuer.name,
        "ZZBFJGDM": licence.issuer.uscc,
        "ZZBFRQ": licence.valid_from.isoformat(),
        "ZZYXQQSRQ": licence.valid_from.isoformat(),
        "ZZYXQJZRQ": LONG_TERM if licence.valid_to is None else licence.valid_to.isoformat(),
    }


def holder_data(holder: LicenceHolder) -> dict[str, str]:
    """Return the metadata of one holder by pinyin key."""
    return {
        "CZZT": holder.name,
        "CZZTDM": holder.code,
        "CZZTDMLX": KIND_NAMES.get(holder.kind, holder.kind.value),
        "CZZTDMLXDM": holder.kind.value,
    }


def face_data(licence: IssuedLicence) -> dict[str, str]:
    """Return everything on the licence as a flat map, joint holders joined with commas."""
    holders = [holder_data(one) for one in licence.content.holders]
    joined = {key: _JOIN.join(one[key] for one in holders) for key in holders[0]}
    return {**joined, **common(licence), **licence.content.face}


def attachment(licence: IssuedLicence) -> bytes:
    """Return the structured data of a licence as XML, one group per holder."""
    groups = "".join(f"<CZZTXX>{_tags(holder_data(one))}</CZZTXX>" for one in _holders(licence))
    face = f"<ZMXX>{_tags(licence.content.face)}</ZMXX>"
    inner = f"{_tags(common(licence))}{groups}{face}"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{head}<DZZZ xmlns="{NAMESPACE}">{inner}</DZZZ>'.encode()


def index_record(licence: IssuedLicence, operation: str, at: str) -> dict[str, str]:
    """Return the record of ``up_lic_data``; ``at`` is the moment of the change as text."""
    flat = face_data(licence)
    return {
        "certificate_type": licence.type_name,
        "certificate_type_code": licence.type_code,
        "certificate_source_id": licence.identifier,
        "certificate_name": licence.type_name,
        "certificate_number": licence.number,
        "certificate_holder": flat["CZZT"],
        "certificate_holder_code": flat["CZZTDM"],
        "certificate_holder_type": flat["CZZTDMLX"],
        "certificate_area_code": licence.issuer.area.ljust(12, "0"),
        "issue_dept": licence.issuer.name,
        "issue_dept_code": licence.issuer.uscc,
        "issue_date": "" if licence.issued_at is None else str(beijing_day(licence.issued_at)),
        "certificate_state": licence.state.value,
        "cd_operation": operation,
        "cd_time": at,
    }


def lacking(record: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns that must not be empty and are."""
    return tuple(name for name in _REQUIRED if not record.get(name, "").strip())


def _holders(licence: IssuedLicence) -> Sequence[LicenceHolder]:
    return licence.content.holders


def _tags(values: Mapping[str, str]) -> str:
    return "".join(f"<{key}>{escape(value)}</{key}>" for key, value in values.items())
