"""The one door to SQLite or PostgreSQL: the few verbs that all SQL goes through.

Each statement is written once, with ``:named`` parameters, in SQL that both engines
understand. What differs between them is evened out here and nowhere else.
"""

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from lookup.errors import ConfigError, Refused, StorageError

Record = dict[str, Any]
_BUSY_SECONDS = 20
_PAGE = 2000
_NAMED = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")

_BUSY = ("数据库正忙，请稍后重试。", "The database is busy; please try again.")
_FULL = (
    "磁盘已满，内容没有保存。请腾出空间后重试。",
    "The disk is full and nothing was saved; free some space and try again.",
)
_NOT_PREPARED = (
    "数据库尚未初始化，请先运行 flask init。",
    "The database has not been prepared; run flask init first.",
)
_UNREACHABLE = (
    "暂时连接不上数据库，请稍后重试。",
    "The database cannot be reached at the moment; please try again.",
)
_UNDONE = (
    "数据库中断了这次修改，内容没有保存，请重试。",
    "The database gave up this change and nothing of it was saved; please try again.",
)

# Connections that came along with a fork. The child must not even close one:
# https://www.sqlite.org/howtocorrupt.html, 2.6.
_INHERITED: list[Any] = []


class Engine(Protocol):
    """What a database server or file must offer to be stood behind `Database`."""

    name: str
    identity: str
    for_update: str
    take_turns: str
    keep_out: str
    renumber: str
    begin: str
    begin_reading: str
    errors: tuple[type[Exception], ...]

    def connect(self) -> Any:
        """A new connection in autocommit mode."""

    def commit(self, connection: Any) -> None:
        """Keep the transaction; an error where nothing was kept."""

    def in_transaction(self, connection: Any) -> bool:
        """Whether a transaction is in progress; an engine may end one by itself."""

    def execute(self, connection: Any, sql: str, params: Record) -> Any:
        """Run one statement and return its cursor."""

    def stream(self, connection: Any, sql: str, params: Record) -> Any:
        """The cursor of a statement whose rows stay with the engine until they are fetched."""

    def execute_many(self, connection: Any, sql: str, rows: Sequence[Record]) -> Any:
        """Run one statement for each set of parameters."""

    def is_lost(self, connection: Any) -> bool:
        """Whether the connection is broken for good."""

    def explain(self, error: Exception) -> StorageError | None:
        """The sentence for an error a person can act on, None for a fault of the program."""


class _Sqlite:
    name = "sqlite"
    identity = "INTEGER PRIMARY KEY"
    for_update = ""
    take_turns = "SELECT 1"  # BEGIN IMMEDIATE has seen to it
    keep_out = "SELECT 1"
    renumber = "SELECT 1"  # the next number is the highest and one more anyway
    # A plain BEGIN takes the write lock at the first write and then fails as "locked" when
    # somebody else wrote after our first read.
    begin = "BEGIN IMMEDIATE"
    begin_reading = "BEGIN"
    errors: tuple[type[Exception], ...] = (sqlite3.OperationalError, sqlite3.DatabaseError)

    def __init__(self, path: Path) -> None:
        self._path = path

    def connect(self) -> Any:
        from sqlite_utils import Database as SqliteUtils

        with suppress(OSError):  # for its owner alone; SQLite says what is wrong
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        raw = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection = SqliteUtils(raw)
        _enter_wal(connection)
        raw.row_factory = _as_dict
        for pragma in ("foreign_keys = ON", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def commit(self, connection: Any) -> None:
        connection.execute("COMMIT")

    def in_transaction(self, connection: Any) -> bool:
        return bool(connection.conn.in_transaction)

    def execute(self, connection: Any, sql: str, params: Record) -> Any:
        return connection.conn.execute(sql, params)

    stream = execute

    def execute_many(self, connection: Any, sql: str, rows: Sequence[Record]) -> Any:
        connection.conn.executemany(sql, rows)

    def is_lost(self, connection: Any) -> bool:  # noqa: ARG002
        return False

    def explain(self, error: Exception) -> StorageError | None:
        reasons = {
            "no such table": _NOT_PREPARED,
            "is locked": _BUSY,
            "disk is full": _FULL,
            "unable to open": (
                f"数据库文件“{self._path}”无法打开，请检查目录是否存在以及权限。",
                f"The database file “{self._path}” cannot be opened; check that its folder "
                "exists and may be written.",
            ),
            "readonly": (
                f"数据库文件“{self._path}”为只读，请检查权限。",
                f"The database file “{self._path}” is read-only; check its permissions.",
            ),
            "not a database": (
                f"“{self._path}”不是 SQLite 数据库，请检查 DATABASE_URL。",
                f"“{self._path}” is not an SQLite database; check DATABASE_URL.",
            ),
            "malformed": (
                f"数据库文件“{self._path}”已损坏，请恢复备份。",
                f"The database file “{self._path}” is damaged; restore a backup.",
            ),
        }
        said = str(error)
        return next((StorageError(*text) for clue, text in reasons.items() if clue in said), None)


class _Postgres:
    name = "postgresql"
    identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"
    for_update = " FOR UPDATE"
    take_turns = "SELECT pg_advisory_xact_lock(20151)"  # any number that is ours alone
    keep_out = "LOCK TABLE {table} IN EXCLUSIVE MODE"  # who only reads goes on
    renumber = "SELECT setval(pg_get_serial_sequence('{table}', 'id'), MAX(id)) FROM {table}"
    begin = "BEGIN"
    begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

    def __init__(self, url: str) -> None:
        import psycopg

        self._url = url
        self.errors: tuple[type[Exception], ...] = (psycopg.Error,)

    def connect(self) -> Any:
        import psycopg
        from psycopg.rows import dict_row
        from psycopg.types.numeric import IntLoader

        connection = psycopg.connect(
            self._url, autocommit=True, row_factory=dict_row, connect_timeout=_BUSY_SECONDS
        )
        connection.execute(f"SET lock_timeout = '{_BUSY_SECONDS}s'")
        # SUM over integers comes back as numeric; every number kept here is whole.
        connection.adapters.register_loader("numeric", IntLoader)
        return connection

    def commit(self, connection: Any) -> None:
        # After a failed statement the server answers COMMIT with a silent ROLLBACK.
        if connection.execute("COMMIT").statusmessage != "COMMIT":
            raise StorageError(*_UNDONE)

    def in_transaction(self, connection: Any) -> bool:
        from psycopg.pq import TransactionStatus

        status = connection.pgconn.transaction_status
        return status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)

    def execute(self, connection: Any, sql: str, params: Record) -> Any:
        return connection.execute(_for_postgres(sql), params)

    def stream(self, connection: Any, sql: str, params: Record) -> Any:
        return connection.cursor("stream").execute(_for_postgres(sql), params)

    def execute_many(self, connection: Any, sql: str, rows: Sequence[Record]) -> Any:
        if rows:
            connection.cursor().executemany(_for_postgres(sql), rows)

    def is_lost(self, connection: Any) -> bool:
        return bool(connection.closed)

    def explain(self, error: Exception) -> StorageError | None:
        import psycopg

        reasons = {
            psycopg.errors.UndefinedTable: _NOT_PREPARED,
            psycopg.errors.DiskFull: _FULL,
            psycopg.errors.LockNotAvailable: _BUSY,
            psycopg.errors.DeadlockDetected: _BUSY,
            psycopg.OperationalError: _UNREACHABLE,
        }
        matching = (text for kind, text in reasons.items() if isinstance(error, kind))
        return next((StorageError(*text) for text in matching), None)


class Database:
    """An open database: one connection a thread, kept, and reopened when it was lost."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._local = threading.local()
        self.identity = engine.identity
        self.engine = engine.name
        self.for_update = engine.for_update
        self.take_turns = engine.take_turns
        self.keep_out = engine.keep_out
        self.renumber = engine.renumber

    def rows(self, sql: str, **params: Any) -> list[Record]:
        """All rows of a statement, each a dict by column name."""
        return list(self._execute(sql, params).fetchall())

    def row(self, sql: str, **params: Any) -> Record | None:
        """The first row of a statement, None where there is none."""
        row: Record | None = self._execute(sql, params).fetchone()
        return row

    def each(self, sql: str, **params: Any) -> Iterator[Record]:
        """All rows of a statement in steady memory; within a transaction, one such at a time."""
        cursor = self._perform(self._engine.stream, sql, params)
        while page := self._perform(lambda _: cursor.fetchmany(_PAGE)):
            yield from page
        cursor.close()

    def run(self, sql: str, **params: Any) -> int:
        """Run a statement that returns nothing; the number of rows it touched."""
        return int(self._execute(sql, params).rowcount)

    def run_many(self, sql: str, rows: Sequence[Record]) -> None:
        """Run one statement once for each set of parameters."""
        for params in rows:
            _refuse_nul(params)
        self._perform(self._engine.execute_many, sql, rows)

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[None]:
        """All or nothing; within another transaction, all or nothing of the inner part.

        One for ``reading`` sees the state of its first statement, and keeps no writer waiting.
        """
        depth = self._depth
        begin = self._engine.begin_reading if reading else self._engine.begin
        self._execute(f"SAVEPOINT inner_{depth}" if depth else begin, {})
        self._local.depth = depth + 1
        try:
            yield
            self._keep(depth)
        except BaseException:
            self._undo(depth)  # of a COMMIT that failed, too: SQLite keeps its transaction open
            raise
        finally:
            self._local.depth = depth

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """A transaction of which nothing stays, whatever happens within it."""
        try:
            with self.transaction():
                yield
                raise _Rehearsed
        except _Rehearsed:
            pass

    def close(self) -> None:
        """Close this thread's connection; the next statement opens a new one."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    @property
    def _depth(self) -> int:
        return int(getattr(self._local, "depth", 0))

    def _keep(self, depth: int) -> None:
        if depth:
            self._execute(f"RELEASE SAVEPOINT inner_{depth}", {})
        else:
            self._perform(self._engine.commit)

    def _undo(self, depth: int) -> None:
        if not self._engine.in_transaction(self._local.connection):
            return  # already undone as a whole, by a lost connection or a full disk
        if depth:
            self._execute(f"ROLLBACK TO SAVEPOINT inner_{depth}", {})
            self._execute(f"RELEASE SAVEPOINT inner_{depth}", {})
        else:
            self._execute("ROLLBACK", {})

    def _connection(self) -> Any:
        local = self._local
        connection = getattr(local, "connection", None)
        if connection is not None and local.process != os.getpid():
            _INHERITED.append(connection)
            connection = None
        if connection is None:
            local.connection = connection = self._engine.connect()
            local.process = os.getpid()
        return connection

    def _execute(self, sql: str, params: Record) -> Any:
        _refuse_nul(params)
        return self._perform(self._engine.execute, sql, params)

    def _perform(self, act: Callable[..., Any], *args: Any) -> Any:
        """Act on the connection; on a new one where it was lost between transactions."""
        try:
            return self._attempt(act, *args)
        except StorageError:
            lost = getattr(self._local, "connection", None)
            # Within a transaction, a new connection would keep the rest without the beginning.
            if self._depth or lost is None or not self._engine.is_lost(lost):
                raise
        self.close()
        return self._attempt(act, *args)

    def _attempt(self, act: Callable[..., Any], *args: Any) -> Any:
        try:
            connection = self._connection()
            if self._depth and not self._engine.in_transaction(connection):
                raise StorageError(*_UNDONE)
            return act(connection, *args)
        except self._engine.errors as error:
            raise self._engine.explain(error) or error from error


class _Rehearsed(Exception):
    """Raised and caught within `rehearsal` to undo what was rehearsed."""


def open_database(url: str) -> Database:
    """The database a DATABASE_URL names; nothing is opened before the first statement.

    Raises ConfigError where the address names neither engine.
    """
    if url.startswith("sqlite:///"):
        return Database(_Sqlite(Path(url.removeprefix("sqlite:///"))))
    if url.startswith(("postgresql://", "postgres://")):
        return Database(_Postgres(url))
    raise ConfigError(
        "DATABASE_URL 应以 sqlite:/// 或 postgresql:// 开头。",
        "DATABASE_URL must start with sqlite:/// or postgresql://.",
    )


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Record:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _enter_wal(connection: Any) -> None:
    """Here, and here alone, SQLite does not wait for others who open a new file as well."""
    for more_tries in reversed(range(100)):
        try:
            connection.enable_wal()
            return
        except sqlite3.OperationalError as error:
            if not more_tries or "is locked" not in str(error):
                raise
            time.sleep(0.02)


@lru_cache(maxsize=512)
def _for_postgres(sql: str) -> str:
    return _NAMED.sub(r"%(\1)s", sql.replace("%", "%%"))


def _refuse_nul(params: Record) -> None:
    """PostgreSQL cannot keep a NUL in a text, so neither engine is given one."""
    for name, value in params.items():
        if isinstance(value, str) and "\0" in value:
            raise Refused(
                name,
                value,
                f"“{name}”含有无法保存的空字符（NUL），请删除后重试。",
                f"“{name}” holds a NUL character, which cannot be kept; please remove it.",
            )
