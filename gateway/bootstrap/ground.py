"""What every service of a process stands on."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.kit.registry import Connected
from gateway.settings import Settings
from kernel.clock import Clock
from kernel.crypto.fields import FieldCipher
from kernel.db.work import SqlWorks
from kernel.ids import IdSource


@dataclass(frozen=True)
class Ground:
    """Settings, time, names, database, keys and the connected upstreams."""

    settings: Settings
    clock: Clock
    ids: IdSource
    works: SqlWorks
    cipher: FieldCipher
    index_key: bytes
    connected: dict[str, Connected]
