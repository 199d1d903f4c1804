"""The audit chain as bytes: the worked values, canonical bodies, Merkle trees, broken chains."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import audit
from kernel.audit import AuditBroken, AuditEvent, Category, ChainCheck, Link, canonical
from kernel.crypto import sm3

BODIES = (
    (
        '{"action":"licence.query","actor":"u:P370100001","case":"370000202611230000001",'
        '"result":"ok","seq":1,"ts":"2026-11-23T21:30:00.000Z"}'
    ),
    (
        '{"action":"case.create","actor":"c:portal-01","case":"370000202611230000001",'
        '"result":"ok","seq":2,"ts":"2026-11-23T21:30:01.500Z"}'
    ),
    (
        '{"action":"audit.read","actor":"a:auditor1","case":null,'
        '"result":"denied","seq":3,"ts":"2026-11-23T21:30:02.250Z"}'
    ),
)
CHAINS = (
    "80be45e60e7de3fe76cd90b7016595b791d308bdf0e9a3eba80a103afb85aa13",
    "69b05c859d420590ec0062d1511a4f58a6b2251d085e16a2802af4ec79ee3098",
    "ab7215b6dc075ac1a637a16e84449fcd8e41ee94558669e8e622d4c7242ec4a1",
)
FIRST_LEAF = "3210ba60241bf0130e578c6e550cbd88f8d6c689882591c02b9693fd94478079"
ROOT = "f8752f9f7c6414176d6408299c3fb9e1cea090643ff9704ab7b33470c6f14729"


def chained(bodies=BODIES):
    chain, rows = audit.ZERO, []
    for seq, body in enumerate(bodies, 1):
        leaf = audit.leaf_of(body)
        chain = audit.link(chain, seq, leaf)
        rows.append(Link(seq, body, leaf.hex(), chain.hex()))
    return rows


def test_the_worked_values():
    rows = chained()
    assert rows[0].leaf == FIRST_LEAF
    assert tuple(row.chain for row in rows) == CHAINS
    assert audit.merkle_root([bytes.fromhex(row.leaf) for row in rows]).hex() == ROOT


def split_root(leaves):
    """RFC 6962, 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    return sm3.digest(b"\x01" + split_root(leaves[:cut]) + split_root(leaves[cut:]))


@given(st.integers(1, 70))
def test_a_root_is_that_of_the_rfc(count):
    leaves = [sm3.digest(bytes([number])) for number in range(count)]
    assert audit.merkle_root(leaves) == split_root(leaves)


def test_no_leaves_have_no_root():
    with pytest.raises(ValueError, match="at least one"):
        audit.merkle_root([])


def test_canonical_json_is_sorted_dense_and_without_floats():
    assert canonical({"b": [1, None], "a": "张"}) == '{"a":"张","b":[1,null]}'
    with pytest.raises(ValueError, match="floats"):
        canonical(json.loads('{"a": [{"b": 1.5}]}'))


def test_a_body_holds_what_is_known_and_nothing_empty():
    event = AuditEvent(
        action="case.read", category=Category.SENSITIVE, actor="staff:1", fields=("form",)
    )
    mark = audit.circumstances.set({"src_ip": "192.0.2.1"})
    try:
        body = audit.body_of(event, "aud_1", datetime(2026, 3, 2, 4, tzinfo=UTC))
    finally:
        audit.circumstances.reset(mark)
    assert body == (
        '{"action":"case.read","actor":"staff:1","category":"C","fields":["form"],"id":"aud_1",'
        '"result":"OK","src_ip":"192.0.2.1","ts":"2026-03-02T04:00:00.000000Z"}'
    )


def check(rows):
    found = ChainCheck()
    for row in rows:
        found.feed(row)
    return found


def test_an_intact_chain_verifies():
    assert check(chained()).chain.hex() == CHAINS[-1]


@pytest.mark.parametrize(
    ("spoil", "seq", "reason"),
    [
        (lambda rows: rows.pop(1), 2, "row_missing"),
        (lambda rows: rows.reverse(), 1, "row_missing"),
        (lambda rows: rows.insert(1, Link(2, "{}", rows[1].leaf, CHAINS[1])), 2, "body_changed"),
        (lambda rows: rows.insert(2, replace(rows[1], seq=3)), 3, "chain_changed"),
    ],
    ids=["hole", "turned", "changed", "repeated"],
)
def test_the_first_wrong_row_is_named(spoil, seq, reason):
    rows = chained()
    spoil(rows)
    with pytest.raises(AuditBroken) as caught:
        check(rows)
    assert caught.value.extras == {"seq": seq, "reason": reason}
