"""A province, a repository and units of work in memory, for tests of the service."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from e_seal.model import (
    Papers,
    Revocation,
    SealAct,
    SealRecord,
    SealState,
    SealSummary,
    SignatureForm,
    SignRequest,
)
from e_seal.ses import write
from e_seal.signing_lock import make_lock
from kernel.clock import Clock
from kernel.errors import StaleVersion
from kernel.work import JsonMap, Move, Work, open_works, require_no_open_work
from tests.unit.e_seal.samples import SEAL_CODE, world


class FakeWork:
    """Remembers what a unit wrote."""

    def __init__(self, works: "FakeWorks") -> None:
        self._works = works

    async def moved(self, move: Move) -> None:
        self._works.moves.append(move)

    async def emit(self, topic: str, reference: str, data: JsonMap) -> None:
        self._works.emitted.append(topic)

    async def enqueue(
        self, kind: str, key: str, payload: JsonMap | None = None, *, due: datetime | None = None
    ) -> bool:
        fresh = (kind, key) not in self._works.tasks
        self._works.tasks.setdefault((kind, key), payload or {})
        return fresh

    async def next_number(self, sequence: str) -> int:
        raise AssertionError("seals need no numbers")


class FakeWorks:
    """Opens units that undo the repository's writes when they fail."""

    def __init__(self, repository: "FakeActs") -> None:
        self._repository = repository
        self.moves: list[Move] = []
        self.emitted: list[str] = []
        self.tasks: dict[tuple[str, str], JsonMap] = {}

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        kept = dict(self._repository.acts), dict(self._repository.bytes), list(self.moves)
        mark = open_works.set(open_works.get() + 1)
        try:
            yield FakeWork(self)
        except BaseException:
            self._repository.acts, self._repository.bytes, self.moves = kept
            raise
        finally:
            open_works.reset(mark)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        yield FakeWork(self)

    def path(self) -> list[str]:
        """States that the acts went through."""
        return [move.new for move in self.moves]


class FakeActs:
    """Acts in a dictionary, with the same promises as the database."""

    def __init__(self) -> None:
        self.acts: dict[str, SealAct] = {}
        self.bytes: dict[str, Papers] = {}
        self.dead: list[Revocation] = []

    async def add(self, work: Work, act: SealAct, papers: Papers) -> bool:
        if await self.by_document(work, act.document_id, act.document_version):
            return False
        self.acts[act.act_id], self.bytes[act.act_id] = act, papers
        return True

    async def get(self, work: Work, act_id: str, *, lock: bool = False) -> SealAct | None:
        return self.acts.get(act_id)

    async def by_document(self, work: Work, document_id: str, version: int) -> SealAct | None:
        wanted = document_id, version
        found = (a for a in self.acts.values() if (a.document_id, a.document_version) == wanted)
        return next(found, None)

    async def by_reference(self, work: Work, reference: str) -> list[SealAct]:
        return [act for act in self.acts.values() if act.reference == reference]

    async def page(
        self, work: Work, reference: str | None, before: int | None, limit: int
    ) -> list[tuple[int, SealAct]]:
        rows = [
            (number, act)
            for number, act in enumerate(self.acts.values(), 1)
            if reference in {None, act.reference} and (before is None or number < before)
        ]
        return rows[::-1][:limit]

    async def add_revocations(self, work: Work, found: Sequence[Revocation]) -> list[Revocation]:
        new = [item for item in found if item not in self.dead]
        self.dead += new
        return new

    async def revocation(self, work: Work, seal_code: str) -> Revocation | None:
        found = [item for item in self.dead if item.code == seal_code]
        return min(found, key=lambda item: item.revoked_at, default=None)

    async def newest_revocation(self, work: Work) -> datetime | None:
        return max((item.revoked_at for item in self.dead), default=None)

    async def save(self, work: Work, act: SealAct) -> SealAct:
        if self.acts[act.act_id].version != act.version:
            raise StaleVersion("changed meanwhile")
        self.acts[act.act_id] = replace(act, version=act.version + 1)
        return self.acts[act.act_id]

    async def papers(self, work: Work, act_id: str) -> Papers:
        return self.bytes[act_id]

    async def save_papers(self, work: Work, act_id: str, papers: Papers) -> None:
        self.bytes[act_id] = papers

    async def unfinished(self, work: Work, after: str, limit: int) -> list[str]:
        ids = sorted(i for i, act in self.acts.items() if not act.is_final and i > after)
        return ids[:limit]


class FakeProvince:
    """A seal system that signs truly; tests make it fail before or after it has signed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.record = SealRecord(SEAL_CODE, world().seal, SealState.ACTIVE)
        self.issue = world().seal
        """What it signs with: another one than ``record`` once the seal was re-issued."""
        self.made: dict[str, bytes] = {}
        self.requests: list[SignRequest] = []
        self.before: BaseException | None = None
        self.after: BaseException | None = None
        self.deaf: BaseException | None = None
        self.spoil: Callable[[bytes], bytes] = bytes
        self.state = SealState.ACTIVE

    def _hear(self) -> None:
        require_no_open_work()
        if self.deaf is not None:
            raise self.deaf

    async def list_seals(self, unit: str, signer: str) -> list[SealSummary]:
        self._hear()
        return [SealSummary(SEAL_CODE, "审批专用章", self.state)]

    async def get_seal(self, seal_code: str) -> SealRecord:
        self._hear()
        return self.record

    async def sign_digest(self, request: SignRequest) -> bytes:
        self._hear()
        self.requests.append(request)
        if self.before is not None:
            raise self.before
        if request.request_id not in self.made:
            self.made[request.request_id] = self.spoil(self._value(request))
        if self.after is not None:
            raise self.after
        return self.made[request.request_id]

    def _value(self, request: SignRequest) -> bytes:
        signer = world().signer
        if request.form is SignatureForm.CMS:
            return make_lock(request.digest, signer)
        now = self._clock.now()
        path = request.property_info
        return write.make_signature(self.issue, request.digest, path, now, signer)

    async def find_signature(self, request_id: str) -> bytes | None:
        self._hear()
        return self.made.get(request_id)

    async def status(self, seal_code: str) -> SealState:
        self._hear()
        return self.state
