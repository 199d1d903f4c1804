"""A process that dies by SIGKILL at the worst moment: ``python -m … <settings> <moment> <port>``.

``acknowledging``: listens, stores a push, commits, and dies before the acknowledgement leaves.
``working``: works tasks off, and dies when a push's fact is committed but its task is not.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from adapters.upstreams.cnnontax_tcp.listener import PushListener
from gateway.bootstrap import build
from gateway.container import Container
from gateway.settings import load
from gateway.worker.pushes import push_receiver
from gateway.worker.steps import PUSH_TASK
from kernel.db import inbox
from kernel.db.task_kinds import TaskRegistry
from kernel.db.task_run import Run
from kernel.db.tasks import TaskEngine
from payments import push_step


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def acknowledging(container: Container, port: int) -> None:
    receive = push_receiver(container.payments, container.works, container.refusals, "cnnontax_tcp")

    async def on_push(raw: bytes) -> bytes:
        await receive(raw)
        die()
        return b""

    await PushListener(on_push).start("127.0.0.1", port)
    await asyncio.Event().wait()


async def working(container: Container, _port: int) -> None:
    async def act(run: Run) -> None:
        number = run.payload["inbox_id"]
        assert isinstance(number, int)
        async with container.works.read() as work:
            message = await inbox.get(work, number)
        assert message is not None
        await push_step(container.payments, message.body, message.decoded)
        die()

    registry = TaskRegistry()
    registry.register(PUSH_TASK, [act])
    await TaskEngine(container.works, registry, chance=lambda: 1.0).run_forever(asyncio.Event())


def main() -> None:
    config, moment, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    container = build(load(config), process="dying")
    moments = {"acknowledging": acknowledging, "working": working}
    asyncio.run(moments[moment](container, port))


if __name__ == "__main__":
    main()
