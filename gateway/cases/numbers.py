"""Case numbers (办件编号) and receipt numbers (收件编号), dated in Beijing."""

from __future__ import annotations

from typing import Final

from gateway.cases.model import CaseNo, DocumentKind
from kernel.clock import Clock, beijing_day
from kernel.gbcodes import mod_37_36
from kernel.work import Work

DOCUMENT_WORDS: Final = {
    DocumentKind.RECEIPT: "收",
    DocumentKind.ACCEPTANCE: "受",
    DocumentKind.NON_ACCEPTANCE: "不受",
    DocumentKind.CORRECTION: "补",
    DocumentKind.SPECIAL_PROCEDURE: "特",
    DocumentKind.EXTENSION: "延",
    DocumentKind.GRANT: "准",
    DocumentKind.REFUSAL: "不准",
    DocumentKind.DELIVERY: "送",
}


class Numbering:
    """Takes numbers from the database's sequences: gaps are possible, repeats are not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def case_no(self, work: Work, item_code: str) -> CaseNo:
        """Return item code (31), day (8) and a daily serial (6): 45 characters."""
        day = f"{beijing_day(self._clock.now()):%Y%m%d}"
        serial = await work.next_number(f"case:{item_code}:{day}")
        return CaseNo(f"{item_code}{day}{serial:06d}")

    async def receipt_no(self, work: Work, region: str) -> str:
        """Return region (6), day (6), a daily serial (6) and a check character: 19 characters."""
        day = f"{beijing_day(self._clock.now()):%y%m%d}"
        serial = await work.next_number(f"receipt:{region}:{day}")
        body = f"{region}{day}{serial:06d}"
        return body + mod_37_36(body)

    async def document_no(self, work: Work, kind: DocumentKind, region: str) -> str:
        """Return a document number such as 〔2026〕370102受000001号."""
        year = beijing_day(self._clock.now()).year
        word = DOCUMENT_WORDS[kind]
        serial = await work.next_number(f"document:{region}:{kind}:{year}")
        return f"〔{year}〕{region}{word}{serial:06d}号"
