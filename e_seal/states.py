"""The states of a seal act: which may follow which, what each step publishes, what people see."""

from collections.abc import Mapping
from typing import Final

from e_seal.model import ActState, PublicStatus
from kernel.errors import Text
from kernel.states import StateTable

_S: Final = ActState

ACT: Final = StateTable(
    "e_seal.act",
    initial=_S.DRAFT,
    edges={
        (_S.DRAFT, _S.SEAL_FETCHED): "e_seal.seal_fetched",
        (_S.DRAFT, _S.FAILED): "e_seal.failed",
        (_S.SEAL_FETCHED, _S.DIGEST_READY): "e_seal.digest_ready",
        (_S.SEAL_FETCHED, _S.FAILED): "e_seal.failed",
        (_S.DIGEST_READY, _S.SIGNING): "e_seal.signing_started",
        (_S.DIGEST_READY, _S.FAILED): "e_seal.failed",
        (_S.SIGNING, _S.SIGNED): "e_seal.signed",
        (_S.SIGNING, _S.UNKNOWN): "e_seal.outcome_unknown",
        # Nothing reached the province: the same request may be sent again.
        (_S.SIGNING, _S.DIGEST_READY): "e_seal.not_signed",
        (_S.SIGNING, _S.FAILED): "e_seal.failed",
        # The seal was re-issued after it was fetched: the signature is built anew, once.
        (_S.SIGNING, _S.SEAL_FETCHED): "e_seal.seal_reissued",
        (_S.SIGNED, _S.SEAL_FETCHED): "e_seal.seal_reissued",
        (_S.UNKNOWN, _S.SIGNED): "e_seal.signed",
        (_S.UNKNOWN, _S.DIGEST_READY): "e_seal.not_signed",
        (_S.SIGNED, _S.VERIFIED): "e_seal.document_sealed",
        (_S.SIGNED, _S.FAILED): "e_seal.failed",
    },
    terminal=frozenset({_S.VERIFIED, _S.FAILED}),
)

RAISED: Final = "e_seal.ordered"

PUBLIC: Final[Mapping[ActState, PublicStatus]] = {
    _S.DRAFT: PublicStatus.SEALING,
    _S.SEAL_FETCHED: PublicStatus.SEALING,
    _S.DIGEST_READY: PublicStatus.SEALING,
    _S.SIGNING: PublicStatus.SEALING,
    _S.UNKNOWN: PublicStatus.CONFIRMING,
    _S.SIGNED: PublicStatus.SEALING,
    _S.VERIFIED: PublicStatus.SEALED,
    _S.FAILED: PublicStatus.FAILED,
}

LABELS: Final[Mapping[PublicStatus, Text]] = {
    PublicStatus.SEALING: Text("签章中", "Being sealed"),
    PublicStatus.CONFIRMING: Text("签章结果确认中", "Being confirmed"),
    PublicStatus.SEALED: Text("已签章", "Sealed"),
    PublicStatus.FAILED: Text("签章失败", "Could not be sealed"),
}
