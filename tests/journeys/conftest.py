"""Free ports for whole installations, which need seven in a row."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

_FIRST, _LAST, _BLOCK = 21000, 29000, 10


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
def first_port(worker_id: str) -> Iterator[int]:
    """The first of seven free ports; workers of one run never share a block."""
    shift = int(worker_id.removeprefix("gw") or 0) if worker_id != "master" else 0
    for start in range(_FIRST + shift * 1000, _LAST, _BLOCK):
        if all(_free(start + offset) for offset in range(7)):
            yield start
            return
    pytest.fail("no seven free ports in a row")
