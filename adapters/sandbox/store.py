"""The durable memory of a simulator: JSON values by kind and key in one SQLite file of
its folder.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

FILE: Final = "simulator.db"
_SCHEMA: Final = """
create table if not exists entry (
    kind text not null, key text not null, value text not null,
    primary key (kind, key)
) without rowid
"""


class Store:
    """Small and synchronous: every call is one look-up in a local file, far below a millisecond.

    A ``transaction`` holds no ``await``, so that no other coroutine can come between.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma busy_timeout = 5000")
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what happens inside one change, undone when an exception passes; may be nested."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("begin immediate")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("rollback")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("commit")

    def get(self, kind: str, key: str) -> Any:
        """Return the value, or None."""
        with self._lock:
            row = self._db.execute(
                "select value from entry where kind = ? and key = ?", (kind, key)
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, kind: str, key: str, value: Any) -> None:
        """Write the value, over an earlier one."""
        with self._lock:
            self._db.execute(
                "insert into entry values (?, ?, ?)"
                " on conflict (kind, key) do update set value = excluded.value",
                (kind, key, _text(value)),
            )

    def add(self, kind: str, key: str, value: Any) -> bool:
        """Write the value unless there is one; return whether it was written."""
        with self._lock:
            done = self._db.execute(
                "insert into entry values (?, ?, ?) on conflict do nothing",
                (kind, key, _text(value)),
            )
            return done.rowcount == 1

    def delete(self, kind: str, key: str) -> bool:
        """Remove the value; return whether there was one."""
        with self._lock:
            done = self._db.execute("delete from entry where kind = ? and key = ?", (kind, key))
            return done.rowcount == 1

    def items(self, kind: str) -> list[tuple[str, Any]]:
        """Return every (key, value) of a kind in the order of keys."""
        with self._lock:
            rows = self._db.execute(
                "select key, value from entry where kind = ? order by key", (kind,)
            ).fetchall()
        return [(key, json.loads(value)) for key, value in rows]

    def next_number(self, name: str) -> int:
        """Return 1, 2, 3 … for a name, across restarts."""
        with self.transaction():
            number = int(self.get("_number", name) or 0) + 1
            self.put("_number", name, number)
        return number


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
