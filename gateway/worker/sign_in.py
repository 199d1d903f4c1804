"""What the worker does for the authorization server: keys in time, old rows, notices of logouts."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from gateway.container import Container
from identity import LOGOUT_TASK
from kernel.db.task_kinds import Backoff, TaskRegistry
from kernel.db.task_run import Abandon, Run
from kernel.errors import UpstreamUnavailable

KEYS_TASK: Final = "identity.signing_keys"
SWEEP_TASK: Final = "identity.oauth_sweep"
_PATIENT: Final = Backoff(base=timedelta(seconds=2), cap=timedelta(minutes=10))
_ATTEMPTS: Final = 20
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_TAKEN: Final = frozenset({200, 204})


def register_sign_in(registry: TaskRegistry, services: Container) -> None:
    """Register the tasks."""

    async def rotate(_run: Run) -> None:
        await services.oauth.keys.rotate()

    async def sweep(_run: Run) -> None:
        while await services.oauth.sweep():
            pass

    async def tell(run: Run) -> None:
        await tell_of_logout(services, run)

    registry.every(KEYS_TASK, timedelta(hours=1), [rotate])
    registry.every(SWEEP_TASK, timedelta(hours=1), [sweep], offset=timedelta(minutes=20))
    registry.register(LOGOUT_TASK, [tell], max_attempts=_ATTEMPTS, backoff=_PATIENT)


async def tell_of_logout(services: Container, run: Run) -> None:
    """Post a logout token to a client (OpenID Connect Back-Channel Logout 1.0, 2.5); what was not
    taken is sent again with a fresh token.
    """
    told = [run.payload.get(name) for name in ("client_id", "sub", "session_id")]
    if not all(isinstance(value, str) for value in told):
        raise Abandon("payload_invalid", "the task names no client, subject or session")
    client_id, sub, session_id = map(str, told)
    notice = await services.oauth.logout.notice(client_id, sub, session_id)
    if notice is None:
        return
    url, token = notice
    body = urlencode({"logout_token": token}).encode()
    try:
        status = await services.post(url, _FORM, body)
    except (OSError, TimeoutError) as exc:
        raise UpstreamUnavailable(f"the client did not answer: {type(exc).__name__}") from exc
    if status not in _TAKEN:
        raise UpstreamUnavailable(f"the client answered {status}")
