"""Passwords, one-time codes, login names: the parts of a sign-in that need no database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.staff import policy, totp
from identity.staff.model import normalised
from kernel.crypto import passwords
from kernel.crypto.passwords import Cost, PasswordAlgorithm
from kernel.ids import random_bytes

CHEAP = (
    Cost(rounds=1),
    Cost(PasswordAlgorithm.ARGON2ID, memory=8, passes=1),
)
RFC_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238(seconds, code):
    step = totp.step_of(datetime.fromtimestamp(seconds, UTC))
    assert totp.code(RFC_SECRET, step, 8) == code


@pytest.mark.parametrize(
    ("off", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_holds_one_step_before_and_behind(off, good):
    now = datetime(2026, 3, 2, 4, tzinfo=UTC)
    step = totp.step_of(now) + off
    found = list(totp.accepted(RFC_SECRET, totp.code(RFC_SECRET, step), now))
    assert found == ([step] if good else [])


@pytest.mark.parametrize("given_code", ["", "12345", "１２３４５６", "0" * 64, "张"])
def test_what_is_no_code_is_refused(given_code):
    assert list(totp.accepted(RFC_SECRET, given_code, datetime(2026, 3, 2, tzinfo=UTC))) == []


@pytest.mark.parametrize("cost", CHEAP, ids=lambda cost: cost.algorithm)
def test_a_password_opens_its_own_hash_only(cost):
    made = passwords.make("Correct-Horse-7", cost, random_bytes)
    assert passwords.matches("Correct-Horse-7", made)
    assert not passwords.matches("Correct-Horse-8", made)
    assert passwords.make("Correct-Horse-7", cost, random_bytes) != made
    assert passwords.is_current(made, cost)
    assert not passwords.is_current(made, Cost())
    assert "Horse" not in made


def test_the_hash_of_sm3_is_that_of_another_implementation():
    # PBKDF2-HMAC-SM3 by the definition (RFC 8018, 5.2), one block, written out.
    from kernel.crypto import sm3

    salt = bytes(16)
    block = last = sm3.hmac(b"pw", salt + b"\0\0\0\1")
    for _ in range(9):
        last = sm3.hmac(b"pw", last)
        block = bytes(a ^ b for a, b in zip(block, last, strict=True))
    assert (
        passwords.make("pw", Cost(rounds=10), bytes) == f"pbkdf2-sm3$10${salt.hex()}${block.hex()}"
    )


@pytest.mark.parametrize("stored", ["", "x", "pbkdf2-sm3$0$00$00", "md5$" + "0" * 32])
def test_what_is_no_hash_opens_nothing(stored):
    assert not passwords.matches("", stored)
    assert passwords.cost_of(stored) is None


@pytest.mark.parametrize(
    ("password", "faults"),
    [
        ("Correct-Horse-7", []),
        ("correct-horse-7", []),
        ("Short-7", ["too_short"]),
        ("x" * 129 + "-7", ["too_long"]),
        ("correcthorsebattery", ["too_few_classes"]),
        ("Admin-10001-Pass", ["contains_number"]),
        ("AＤmin-１０００１-Pass", ["contains_number"]),
        ("", ["too_short", "too_few_classes"]),
    ],
)
def test_the_policy(password, faults):
    assert policy.faults(password, "10001") == faults


@pytest.mark.parametrize(
    "typed",
    [
        "clerk-1",
        "CLERK-1",
        " clerk-1 ",
        "clerk-1\t",
        "ｃｌｅｒｋ-1",
        "cl\u200berk-1",
        "cler\u212a-1",
    ],
)
def test_one_name_in_many_spellings(typed):
    assert normalised(typed) == "clerk-1"


@given(st.text(max_size=70))
def test_normalising_twice_changes_nothing(typed):
    assert normalised(normalised(typed)) == normalised(typed)
