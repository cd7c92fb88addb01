"""Dagster's runs and events in a real PostgreSQL: one setting, read by Dagster's own commands too, and no password anywhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from ocr_assets.cli.run import prepared_home
from resources.dagster_storage import settle_storage, url_of
from resources.lake import CannotOpen
from tests.support.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("OCR_", "DAGSTER_", "PG"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", "")  # prepared_home sets it
    return tmp_path / "home"


@dg.job
def nothing() -> None:
    pass


@pytest.mark.slow
def test_a_run_is_recorded_there_and_the_password_nowhere(
    postgres: Postgres, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres.database()
    password = Path(postgres.environment["PGPASSFILE"]).read_text().strip().rpartition(":")[2]
    monkeypatch.setenv("PGPASSWORD", password)
    monkeypatch.setenv("OCR_DAGSTER", address)
    prepared_home()
    with dg.DagsterInstance.get() as instance:
        run_id = nothing.execute_in_process(instance=instance).run_id
    with psycopg2.connect(address.removeprefix("postgres:")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT run_id, status FROM runs")
        assert cursor.fetchall() == [(run_id, "SUCCESS")]
    listed = subprocess.run([sys.executable, "-m", "dagster", "run", "list"], capture_output=True, text=True, check=True)
    assert run_id in listed.stdout
    dump = [shutil.which("pg_dump") or sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))[-1]]
    written = subprocess.run([*dump, "-d", address.removeprefix("postgres:")], capture_output=True, text=True, check=True).stdout
    written += "".join(path.read_text(errors="replace") for path in home.rglob("*") if path.is_file())
    assert run_id in written and password not in written and password not in listed.stdout + listed.stderr

    monkeypatch.delenv("OCR_DAGSTER")
    prepared_home()
    with dg.DagsterInstance.get() as instance:
        assert instance.get_runs_count() == 0
    assert (home / "dagster" / "dagster.yaml").read_text() == (ROOT / "dagster.yaml").read_text()


def test_what_a_person_wrote_into_the_file_is_left_alone(tmp_path: Path) -> None:
    file, address = tmp_path / "dagster.yaml", "postgres:dbname=dagster host=db.example user=ocr"
    file.write_text("telemetry:\n  enabled: false\n# mine\n")
    settle_storage(file, address)
    settle_storage(file, address)
    text = file.read_text()
    assert text.startswith("telemetry:\n  enabled: false\n# mine\n") and text.count("storage:") == 1
    assert '"postgresql+psycopg2://?dbname=dagster&host=db.example&user=ocr"' in text
    settle_storage(file, None)
    assert file.read_text() == "telemetry:\n  enabled: false\n# mine\n"
    file.write_text("storage:\n  sqlite: {base_dir: x}\n")
    settle_storage(file, None)
    with pytest.raises(CannotOpen, match="has a storage of its own"):
        settle_storage(file, address)
    for wrong in ("mysql:x", "postgres:dbname"):
        with pytest.raises(CannotOpen, match=f"OCR_DAGSTER={wrong}"):
            url_of(wrong)
