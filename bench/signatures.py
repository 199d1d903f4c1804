"""Signed requests: what one check of SDGW1 costs without input and output, per algorithm.

``python -m bench.signatures`` prints the table and ends with 1 when HMAC-SM3 is too slow.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from kernel.crypto import sm2
from kernel.signing import messages, sdgw1
from kernel.signing.canonical import Covered
from kernel.signing.messages import Message

WANTED_US: Final = 150.0
"""CPU microseconds of one check with a shared secret."""
_ROUNDS: Final = 9
_ROUND: Final = 0.15
_SECRET: Final = bytes(range(32))
_BODY: Final = '{"item_code":"11370102MB9000066L4000117010000","remark":"测试"}'.encode() * 16


def sdgw1_check(key: bytes | sm2.PrivateKey, algorithm: str) -> Callable[[], bool]:
    """Return one whole check: headers, canonical text, body digest, signature."""
    covered = Covered(
        algorithm=algorithm,
        method="POST",
        path="/v1/clients/self/webhooks",
        query="page=2&dry=1",
        key_id="ak-portal-01",
        timestamp="1795469000",
        nonce="b7f2c1d09a5e4c0f8e11",
        idempotency_key="k-1",
        content_type="application/json",
        digest=sdgw1.digest_of(_BODY),
    )
    headers = [*sdgw1.sign(covered, key).items(), ("Idempotency-Key", "k-1")]
    headers += [("Content-Type", "application/json"), ("Host", "gw.example"), ("Accept", "*/*")]

    def check() -> bool:
        claim = sdgw1.read("POST", covered.path, covered.query, headers)
        text = sdgw1.text_of(claim)
        if sdgw1.digest_of(_BODY) != claim.covered.digest:
            return False
        if isinstance(key, bytes):
            return sdgw1.mac_is_right(claim.algorithm, key, text, claim.signature)
        return sdgw1.sm2_is_right(key.public, text, claim.signature)

    return check


def message_check() -> Callable[[], bool]:
    """Return one whole check of RFC 9421 with HMAC-SM3."""
    fields = {"content-digest": messages.content_digest(_BODY), "content-type": "application/json"}
    target = "https://gw.example.gov.cn/v1/clients/self/webhooks?page=2"
    made = messages.sign(
        Message("POST", target, fields),
        _SECRET,
        key_id="ak-portal-01",
        algorithm="hmac-sm3",
        created=1795469000,
        nonce="b7f2c1d09a5e4c0f8e11",
    )
    headers = [*fields.items(), *made.items()]

    def check() -> bool:
        found = messages.read("POST", target, headers)
        right = found.covers_body(_BODY)
        shown = found.signature.hex()
        return right and sdgw1.mac_is_right(found.algorithm, _SECRET, found.base, shown)

    return check


def measure(check: Callable[[], bool]) -> tuple[float, float]:
    """Return median and best CPU microseconds of one check. Raises ValueError for a wrong one."""
    found = []
    for _ in range(_ROUNDS):
        count, began = 0, time.process_time()
        while time.process_time() - began < _ROUND:
            for _ in range(20):
                if not check():
                    raise ValueError("the check that is measured fails")
            count += 20
        found.append((time.process_time() - began) / count * 1e6)
    return median(found), min(found)


def main() -> int:
    """Measure and print; return 1 when the check with a shared secret is too slow."""
    key = sm2.generate()
    cases = {
        "SDGW1 HMAC-SM3": sdgw1_check(_SECRET, "HMAC-SM3"),
        "SDGW1 HMAC-SHA256": sdgw1_check(_SECRET, "HMAC-SHA256"),
        "SDGW1 SM2-SM3": sdgw1_check(key, "SM2-SM3"),
        "RFC 9421 hmac-sm3": message_check(),
    }
    table = Table("check", "CPU µs median", "best", "wanted", title=f"body of {len(_BODY)} bytes")
    slow = False
    for name, check in cases.items():
        middle, best = measure(check)
        wanted = WANTED_US if "SDGW1 HMAC" in name else None
        slow |= wanted is not None and best > wanted
        table.add_row(
            name, f"{middle:.1f}", f"{best:.1f}", "" if wanted is None else f"≤ {wanted:g}"
        )
    Console().print(table)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
