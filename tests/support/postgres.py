"""A PostgreSQL server for one test: its own data, no TCP port, a password that only the environment knows."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def postgres_server() -> Iterator[tuple[str, dict[str, str]]]:
    """A running server: its address for ``OCR_CATALOG`` without a password, and the environment that holds the password."""
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
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w"]
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    subprocess.run([*control, "-l", str(folder / "log"), "-o", options, "start"], check=True, capture_output=True, cwd=folder)
    try:
        yield f"postgres:host={folder} user={USER} dbname=postgres", {"PGPASSFILE": str(folder / "pgpass")}
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
        shutil.rmtree(folder)
