"""A PostgreSQL server for tests: its own data, no TCP port, a password that only a file of the environment knows. A database each
test."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

USER = "postgres"


def _programs() -> Path:
    """The folder of the server's programs; installs Debian's package where that is possible."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not folders and os.getuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
        line = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql"]
        subprocess.run(line, check=True, capture_output=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not folders:
        pytest.fail("this test runs a PostgreSQL server; install it with: sudo apt-get install postgresql")
    return folders[-1].parent


@dataclass(frozen=True)
class Postgres:
    """A running server. ``environment``: what tells clients the password; ``control``: the command line of ``pg_ctl``."""

    folder: Path
    environment: dict[str, str]
    control: list[str]

    def database(self) -> str:
        """A new database: its address for ``OCR_CATALOG``, without a password."""
        import psycopg2

        name = f"test_{uuid.uuid4().hex[:12]}"
        with closing(psycopg2.connect(self.dsn("postgres"), passfile=self.environment["PGPASSFILE"])) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name}")
        return f"postgres:{self.dsn(name)}"

    def dsn(self, name: str) -> str:
        return f"host={self.folder} user={USER} dbname={name}"

    def run(self, *command: str) -> None:
        """``stop -m fast``, ``start`` …"""
        # Not captured: the server would keep the pipes of `start` open.
        subprocess.run(
            [*self.control, *command], check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def sessions_end(address: str, which: str) -> int:
    """Have the server end its client sessions for which the condition holds; returns how many."""
    import psycopg2

    with closing(psycopg2.connect(address.removeprefix("postgres:"))) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            f"WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend' AND {which}"
        )
        return cursor.fetchone()[0]


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A running server, gone with its data at the end."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    password = secrets.token_hex(16)
    (folder / "password").write_text(password)
    (folder / "pgpass").write_text(f"*:*:*:{USER}:{password}\n")
    (folder / "pgpass").chmod(0o600)
    as_user: list[str] = []
    if os.getuid() == 0:  # the server refuses to run as root
        account = pwd.getpwnam(USER)
        os.chown(folder, account.pw_uid, account.pw_gid)
        os.chown(folder / "password", account.pw_uid, account.pw_gid)
        as_user = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    data = folder / "data"
    initdb = [
        str(programs / "initdb"),
        "-D",
        str(data),
        "-U",
        USER,
        "-A",
        "scram-sha-256",
        f"--pwfile={folder / 'password'}",
        "-N",
    ]
    subprocess.run([*as_user, *initdb], check=True, capture_output=True, cwd=folder)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options]
    server = Postgres(folder, {"PGPASSFILE": str(folder / "pgpass")}, control)
    server.run("start")
    try:
        yield server
    finally:
        server.run("stop", "-m", "immediate")
        shutil.rmtree(folder)
