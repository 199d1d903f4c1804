"""The announcement (5805, OURS) of a day's reconciliation file, and where the file may lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adapters.dialects.cfx import BadFrame
from adapters.kit.cfx.bills import amount
from kernel.money import Fen
from payments.ports import ReconFile

_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")
_COUNT: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Notice:
    """What the finance system says of a file that it published."""

    name: str
    revision: int
    count: int
    total_fen: Fen
    sha256: str
    path: str
    """Below the configured base address, never elsewhere."""


def read_notice(voucher: Mapping[str, str], files_url: str | None) -> Notice:
    """Read a 5805 voucher. Raises BadFrame."""
    name, digest = voucher.get("FileName", ""), voucher.get("Sha256", "")
    revision, count = voucher.get("Rev", ""), voucher.get("TotalCount", "")
    if _NAME.fullmatch(name) is None or _SHA256.fullmatch(digest) is None:
        raise BadFrame("FileName or Sha256 is malformed")
    if _COUNT.fullmatch(revision) is None or _COUNT.fullmatch(count) is None:
        raise BadFrame("Rev or TotalCount is malformed")
    base, url = (files_url or "").rstrip("/"), voucher.get("Url", "")
    path = url.removeprefix(base)
    if not base or not url.startswith(f"{base}/") or re.search(r"[?#\\\s]|\.\.|//", path):
        raise BadFrame("Url is not below the address that was agreed")
    total = amount(voucher, "TotalAmt")
    return Notice(name, int(revision), int(count), total, digest, path)


def with_content(notice: Notice, content: bytes) -> ReconFile:
    """Return the file; whether content and announcement agree is judged where it is imported."""
    return ReconFile(
        name=notice.name,
        revision=notice.revision,
        count=notice.count,
        total_fen=notice.total_fen,
        sha256=notice.sha256,
        content=content,
    )
