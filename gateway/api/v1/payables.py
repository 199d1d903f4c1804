"""What can be paid: the caller's own bills, and one bill for whoever holds its code (待缴查询)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, model_validator

import payments
from gateway.api.assurance import Reads
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services, address_of
from gateway.api.v1.shapes import Named, shown
from gateway.api.v1.views import BillView
from gateway.cases.fees import PAYABLE
from kernel.money import format_yuan
from kernel.paging import MAX_PAGE

router = APIRouter(prefix="/v1", tags=["payments 缴费"])


class Payable(BaseModel):
    """One bill that waits for its payer."""

    case_id: str
    item_name: str
    bill: BillView


class Lookup(Posted):
    """A pay code, and one thing that only who holds the bill knows of its payer."""

    pay_code: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,20}$")]
    payer_name_last_char: Annotated[str, Field(max_length=1)] = ""
    mobile_last4: Annotated[str, Field(pattern=r"^([0-9]{4})?$")] = ""

    @model_validator(mode="after")
    def _one_factor(self) -> Lookup:
        if bool(self.payer_name_last_char) == bool(self.mobile_last4):
            raise ValueError("exactly one of payer_name_last_char and mobile_last4 is needed")
        return self


class BilledItem(BaseModel):
    """One charged item."""

    item_code: str
    name: str
    amount_fen: int


class PublicBill(BaseModel):
    """A bill as its holder sees it: nothing of the payer, nothing of the case."""

    pay_code: str
    amount_fen: int
    amount_yuan: str
    status: str
    status_label: Named
    deadline: str | None
    items: list[BilledItem]
    pay_url: str | None

    @classmethod
    def of(cls, bill: payments.Bill) -> PublicBill:
        status = payments.public_status(bill)
        label = payments.LABELS[status]
        return cls(
            pay_code=bill.pay_code,
            amount_fen=bill.amount_fen,
            amount_yuan=format_yuan(bill.amount_fen),
            status=status,
            status_label=Named(zh=label.zh, en=label.en),
            deadline=shown(bill.deadline),
            items=[
                BilledItem(item_code=i.item_code, name=i.name, amount_fen=i.amount_fen)
                for i in bill.items
            ],
            pay_url=bill.pay_url or None if bill.pay in PAYABLE else None,
        )


@router.get("/me/payables")
async def payables(services: Services, acting: Reads) -> list[Payable]:
    """List every bill that the caller can pay now, over all its cases, newest first."""
    found: list[Payable] = []
    cursor: str | None = None
    while True:
        page = await services.cases.mine(acting.sub, cursor, MAX_PAGE)
        for line in page.rows:
            for bill in await services.fees.payables(line):
                view = BillView.of(bill, bill.pay_url)
                found.append(Payable(case_id=line.case_id, item_name=line.item_name, bill=view))
        cursor = page.next_cursor
        if cursor is None:
            return found


@router.post("/public/bills:lookup")
async def look_up(
    request: Request, services: Services, body: Annotated[Lookup, Depends(JsonBody(Lookup))]
) -> PublicBill:
    """Look at a bill without signing in: its pay code and one thing about its payer.

    An unknown code and a wrong detail get the same answer after the same time; five tries per
    code and thirty per caller in ten minutes.
    """
    caller = address_of(request)
    bill = await services.lookup.look_up(
        body.pay_code,
        caller=caller,
        name_last=body.payer_name_last_char,
        mobile_last=body.mobile_last4,
    )
    return PublicBill.of(bill)
