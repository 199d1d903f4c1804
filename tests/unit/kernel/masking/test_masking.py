"""Masks for display and the scrubbing of logs: nothing that identifies a person survives."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernel.gbcodes import make_citizen_id
from kernel.masking import (
    mask_address,
    mask_bank_account,
    mask_citizen_id,
    mask_name,
    mask_phone,
    redact,
    scrub,
)

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"

citizen_ids = st.builds(
    make_citizen_id,
    st.sampled_from(["370102", "110101", "371202", "659004", "820000"]),
    st.dates(date(1900, 1, 1), date(2026, 11, 23)),
    st.integers(0, 999),
)
mobiles = st.builds(
    lambda second, rest: f"1{second}{rest:09d}", st.integers(3, 9), st.integers(0, 10**9 - 1)
)
surroundings = st.text(max_size=30)
not_digits = surroundings.filter(lambda text: not re.search(r"\d$|^\d", text))


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张小三", "张**"),
        ("欧阳娜娜", "欧阳**"),
        ("欧阳", "欧*"),
        ("阳司马", "阳**"),
        ("张", "*"),
        ("", ""),
        ("阿依古丽·买买提", "阿*******"),
    ],
)
def test_names(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def test_numbers() -> None:
    assert mask_citizen_id("370102199003071238") == "370102********1238"
    assert mask_citizen_id("370102900307123") == "370102*****7123"
    assert mask_citizen_id("370102") == "******"
    assert mask_phone("13800000001") == "138****0001"
    assert mask_phone("0531-88880001") == "*********0001"
    assert mask_phone("8888") == "****"
    assert mask_bank_account("6222020000000001234") == "**** **** **** 1234"
    assert mask_bank_account("12345678") == "**** **** **** ****"


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("山东省济南市历下区解放路1号2单元", "山东省济南市历下区****"),
        ("济南市历城区洪家楼5号", "济南市历城区****"),
        ("济南市阳光小区3号楼", "济南市****"),
        ("阳光小区3号楼", "****"),
        ("", "****"),
    ],
)
def test_addresses_stop_at_the_district(address: str, masked: str) -> None:
    assert mask_address(address) == masked


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("申请人370102199003071238已登录", "申请人370102********1238已登录"),
        ("id=37010219900307106x;", "id=370102********106x;"),
        ("370102 19900307 1238", "370102**********1238"),
        ("old 370102900307123", "old 370102*****7123"),
        ("mistyped 370102199003071237", "mistyped 370102********1237"),
        ("３７０１０２１９９００３０７１２３８", "３７０１０２********１２３８"),
        ("tel 13812345678", "tel 138****5678"),
        ("+86 138-1234-5678", "+86 138****5678"),
        ("008613812345678", "0086138****5678"),
        ("Authorization: Bearer abc.def", "Authorization: *** ***"),
        ("sdat_Zx81kQ expired", "sdat_*** expired"),
        (JWT, "eyJ***"),
        ("https://x/cb?ticket=ST-1-abc&state=2", "https://x/cb?ticket=***&state=2"),
        ('{"access_token": "abc", "n": 1}', '{"access_token": "***", "n": 1}'),
        ("key 0af7651916cd43dd8448eb211c80319c", "key 0af7***"),
        ("b64 q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJ==", "b64 q83v***"),
    ],
)
def test_scrub_removes(text: str, clean: str) -> None:
    assert scrub(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "113700000045030270",
        "91370100MA3ABCDE1G",
        "PayCode 37000026100000000017",
        "case 370000202611230000001",
        "1795469000123 ms",
        "/adapters/upstreams/shandong_identity/adapter",
        "case_01jdy2v6q8k3m5n7p9r1s3t5v7",
        "80.00 元",
    ],
)
def test_scrub_keeps(text: str) -> None:
    assert scrub(text) == text


@given(surroundings, citizen_ids, surroundings)
@example("1", "370102199003071238", "2")
@example("", "37010219900307106X", "5")
def test_no_citizen_id_survives_scrub(before: str, number: str, after: str) -> None:
    assert number not in scrub(before + number + after)
    assert number.lower() not in scrub(before + number.lower() + after)


@given(not_digits, mobiles, not_digits)
def test_no_mobile_number_survives_scrub(before: str, number: str, after: str) -> None:
    assert number not in scrub(before + number + after)


@given(surroundings)
def test_scrubbing_twice_changes_nothing(text: str) -> None:
    assert scrub(scrub(text)) == scrub(text)


@given(citizen_ids)
def test_masked_citizen_ids_hide_the_birth_date(number: str) -> None:
    masked = mask_citizen_id(number)
    assert len(masked) == len(number)
    assert masked[6:14] == "*" * 8


def test_records_lose_declared_keys_at_any_depth() -> None:
    record = {
        "event": "login of 370102199003071238",
        "Applicant": {"name": "张三", "phones": ["13800000001", {"note": "13800000002"}]},
        "items": ("a", 1, None, b"raw"),
        "NAME": "李四",
        "name": None,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "count": 3,
        "ok": True,
    }
    assert redact(record, {"name"}) == {
        "event": "login of 370102********1238",
        "Applicant": {"name": "***", "phones": ["138****0001", {"note": "138****0002"}]},
        "items": ["a", 1, None, b"raw"],
        "NAME": "***",
        "name": None,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "count": 3,
        "ok": True,
    }


def test_the_record_itself_is_not_changed() -> None:
    record = {"a": {"name": "张三"}}
    redact(record, {"name"})
    assert record == {"a": {"name": "张三"}}
