"""Makes the licence that a case results in (结果证照), and lets its department change its state.

Besides ``translate`` the one place where cases, licences and seals meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import e_license
import e_seal
from gateway.cases import forms, translate
from gateway.cases.errors import SealRefused
from gateway.cases.model import StaffScope
from gateway.cases.mover import CaseMover
from gateway.cases.orders import LICENCE_TASK
from gateway.catalog.model import Item
from gateway.catalog.service import CatalogService
from kernel import divisions
from kernel.crypto import sm3
from kernel.paging import Page, decode_cursor, page_of
from kernel.work import WorkSource

ID_PREFIX: Final = "lic_"
_LABELS: Final = {
    "ZZBS": "电子证照标识",
    "CZZT": "持证主体",
    "CZZTDM": "持证主体代码",
    "CZZTDMLX": "持证主体代码类型",
    "ZZBFJG": "颁发机构",
    "ZZBFRQ": "颁发日期",
    "ZZYXQQSRQ": "有效期起始",
    "ZZYXQJZRQ": "有效期截止",
}
_SCHEMA: Final = e_seal.TagSchema("ElectronicLicence", "DZZZ", e_license.issuing.NAMESPACE)
"""Name and namespace are OURS; the names of the tags are the pinyin keys."""
_CHECK: Final = (
    "本电子证照加盖电子印章，与加盖实物印章的证照具有同等法律效力（《国务院关于在线政务服务的若干规定》"
    "第十条）。扫描二维码，或者凭电子证照标识和校验码，可以核验真伪和当前状态。"
)


class ResultLicences:
    """The licences that departments issue as results of cases."""

    def __init__(
        self,
        *,
        issued: e_license.issuing.IssuingService,
        mover: CaseMover,
        catalog: CatalogService,
        seals: e_seal.SealService,
        works: WorkSource,
        check_url: str,
    ) -> None:
        self._issued = issued
        self._mover = mover
        self._catalog = catalog
        self._seals = seals
        self._works = works
        self._check_url = check_url

    # ---- the steps of the task, each of which may be repeated ----------------------------------

    async def mint(self, case_id: str, actor: str) -> str:
        """Mint the licence of a granted case and return its id. Raises AwardInvalid."""
        async with self._works.begin() as work:
            case = await self._mover.load(work, case_id, lock=False)
            item = await self._catalog.get(case.item_code)
            licence = await self._issued.mint(translate.award_of(case, item, actor))
        return licence.licence_id

    async def compose(self, licence_id: str) -> None:
        """Lay the licence out as an OFD file and store it; a second time changes nothing."""
        async with self._works.begin():
            licence = await self._issued.get(licence_id)
            is_waiting = licence.state is e_license.issuing.IssuedState.NOT_ACTIVE
            if is_waiting and await self._issued.composed(licence_id) is None:
                item = await self._item(licence)
                composed = compose(licence, item, self._check_url)
                await self._issued.put_composed(licence_id, composed)

    async def seal(self, licence_id: str) -> bool:
        """Have the licence sealed and publish it; False while the seal system's answer is unknown.

        Raises SealRefused when it never will be sealed; nothing that failed a check is published.
        """
        licence = await self._issued.get(licence_id)
        if licence.state is not e_license.issuing.IssuedState.NOT_ACTIVE:
            return True
        composed = await self._issued.composed(licence_id)
        if composed is None:
            raise e_license.issuing.LicenceNotReady("the licence is not composed")
        order = translate.licence_order_of(licence, await self._item(licence), composed)
        act = await self._seals.seal_document(order)
        if act.failure is not None:
            raise SealRefused("the licence cannot be sealed", failure=act.failure)
        if not act.is_sealed:
            return False
        content = await self._seals.sealed_document(act.act_id)
        report = await self._seals.verify(content)
        if report.verdict is e_seal.Verdict.INVALID:
            raise SealRefused("the sealed licence does not verify", failure=report.verdict)
        sealed = e_license.issuing.SealedFile(
            content=content,
            sha256=hashlib.sha256(content).hexdigest(),
            sm3=sm3.digest(content).hex(),
            verdict=report.verdict,
        )
        await self._issued.publish(licence_id, sealed)
        return True

    # ---- the applicant and the public ----------------------------------------------------------

    async def of_case(self, case_id: str, owner: str) -> Sequence[e_license.issuing.IssuedLicence]:
        """Return the licences of an owner's case, the first version first. Raises CaseNotFound."""
        async with self._works.read() as work:
            case = await self._mover.own(work, case_id, owner, lock=False)
        return await self._issued.of_reference(case.case_id)

    async def content(
        self, case_id: str, owner: str, licence_id: str
    ) -> tuple[e_license.issuing.IssuedLicence, bytes]:
        """Return a sealed licence of an owner's case.

        Raises CaseNotFound, IssuedNotFound, LicenceNotReady.
        """
        for licence in await self.of_case(case_id, owner):
            if licence.licence_id == licence_id:
                return licence, await self._issued.file(licence_id)
        raise e_license.issuing.IssuedNotFound("the case has no such licence")

    async def check(self, identifier: str, code: str) -> e_license.issuing.IssuedLicence:
        """Return the licence whose identifier and code somebody has. Raises IssuedNotFound."""
        return await self._issued.check(identifier, code)

    # ---- the department ------------------------------------------------------------------------

    async def page(
        self, scope: StaffScope, cursor: str | None, limit: int
    ) -> Page[e_license.issuing.IssuedLicence]:
        """Return a page of the licences of a department or region, oldest first. InvalidCursor."""
        after = decode_cursor(cursor, (int,))[0] if cursor else 0
        areas = [one.code6 for one in divisions.divisions()]
        inside = [code for code in areas if divisions.within(code, scope.region)]
        rows = await self._issued.page(scope.department, inside, int(after), limit + 1)
        page = page_of(rows, limit, lambda row: (row[0],))
        return Page([licence for _, licence in page.rows], page.next_cursor)

    async def get(self, licence_id: str, scope: StaffScope) -> e_license.issuing.IssuedLicence:
        """Return a licence of a department or region. Raises IssuedNotFound."""
        licence = await self._issued.get(licence_id)
        is_inside = divisions.within(licence.issuer.area, scope.region)
        if not is_inside or scope.department not in {"", licence.issuer.uscc}:
            raise e_license.issuing.IssuedNotFound("no such licence in this scope")
        return licence

    async def proposals(
        self, licence_id: str, scope: StaffScope
    ) -> Sequence[e_license.issuing.Proposal]:
        """Return every 吊销 or 撤销 that was proposed, oldest first. Raises IssuedNotFound."""
        await self.get(licence_id, scope)
        return await self._issued.proposals(licence_id)

    async def change(
        self, licence_id: str, scope: StaffScope, to: e_license.issuing.IssuedState, reason: str
    ) -> e_license.issuing.IssuedLicence:
        """Suspend, restore or cancel at once; withdrawal and revocation are only proposed.

        Raises IssuedNotFound, IllegalTransition, ProposalOpen.
        """
        licence = await self.get(licence_id, scope)
        if to in e_license.issuing.TWO_PEOPLE:
            await self._issued.propose(licence_id, to, scope.actor, reason)
            return licence
        return await self._issued.change(licence_id, to, scope.actor, reason)

    async def decide(
        self, licence_id: str, scope: StaffScope, proposal_id: str, *, confirm: bool
    ) -> e_license.issuing.IssuedLicence:
        """Confirm or decline what another person proposed.

        Raises IssuedNotFound, ProposalNotFound, SecondPersonNeeded, IllegalTransition.
        """
        await self.get(licence_id, scope)
        decided = self._issued.decide(licence_id, proposal_id, scope.actor, confirm=confirm)
        return (await decided)[0]

    async def reissue(
        self, licence_id: str, scope: StaffScope, changes: Mapping[str, str], reason: str
    ) -> e_license.issuing.IssuedLicence:
        """Mint the next version and order its making (变更); the old one is valid until then.

        Raises IssuedNotFound, IllegalTransition, ProposalOpen, AwardInvalid.
        """
        async with self._works.begin() as work:
            await self.get(licence_id, scope)
            licence = await self._issued.reissue(licence_id, changes, scope.actor, reason)
            payload = {"licence_id": licence.licence_id}
            await work.enqueue(LICENCE_TASK, licence.licence_id, payload)
        return licence

    async def _item(self, licence: e_license.issuing.IssuedLicence) -> Item:
        async with self._works.read() as work:
            case = await self._mover.load(work, licence.reference, lock=False)
        return await self._catalog.get(case.item_code)


def compose(
    licence: e_license.issuing.IssuedLicence, item: Item, check_url: str
) -> e_license.issuing.Composed:
    """Return the licence as an OFD file with its data as attachment and tags; same in, same out."""
    layout = e_seal.Layout()
    layout.title(licence.type_name)
    layout.number(licence.number)
    layout.table(_rows(licence))
    stamp = layout.signature_block(
        licence.issuer.name,
        forms.day(licence.created_at),
        beside=forms.code_of(check_url, licence.identifier, licence.check_code),
        note=_CHECK,
    )
    data = e_license.issuing.attachment(licence)
    ofd = e_seal.Document(
        doc_id=e_seal.doc_id_of(licence.licence_id),
        title=f"{licence.type_name} {licence.number}",
        pages=layout.pages(),
        author=licence.issuer.name,
        subject=item.name,
        custom={"电子证照标识": licence.identifier, "证照编号": licence.number},
        attachments=[e_seal.Attachment(name="license_data", file_name="license.xml", data=data)],
        tags=_SCHEMA,
    )
    content = e_seal.write_ofd(ofd, licence.created_at)
    return e_license.issuing.Composed(content, (stamp.page, *stamp.centre))


def _rows(licence: e_license.issuing.IssuedLicence) -> list[tuple[str, str, str]]:
    fields = e_license.issuing.type_of(licence.type_code).fields
    about = e_license.issuing.common(licence)
    rows = [
        (_LABELS[key], value, key)
        for holder in licence.content.holders
        for key, value in e_license.issuing.holder_data(holder).items()
        if key in _LABELS
    ]
    rows += [(one.label, licence.content.face[one.key], one.key) for one in fields]
    return rows + [(label, about[key], key) for key, label in _LABELS.items() if key in about]
