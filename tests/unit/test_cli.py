"""``ocr-assets`` as a person meets it: help, exit codes, and errors that are one line."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from ocr_assets.cli import COMMANDS, main
from tests.support.graph import ROOT, run

ANSWER = {"content": "<think>easy</think>\n```python\nprint(1)\n```", "language": "python", "response_id": "r1"}


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_lists_what_a_command_says_of_itself(name: str) -> None:
    command = main.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None and command.get_short_help_str(200) == COMMANDS[name][1]


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from ocr_assets.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print(sorted({'dagster', 'duckdb', 'pyarrow', 'numpy', 'docker', 'tqdm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "decontaminate" in done.stdout and done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["lineage", "funnel"],
        ["lineage", "trace", "sft_1"],
        ["lineage", "why", "raw_1"],
        ["lineage", "sql", "FROM funnel"],
        ["decontaminate", "review"],
        ["decontaminate", "report"],
    ],
)
def test_a_question_outside_a_project_makes_no_lake(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCR_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.delenv("OCR_CATALOG", raising=False)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert done.stderr == (
        f"Error: there is no lake in {tmp_path / 'elsewhere'}; run `ocr-assets run` first, or set OCR_HOME to a project's folder\n"
    )
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", [["run"], ["lineage", "funnel"], ["verify", "{file}", "{file}"], ["dedup", "{file}"]])
def test_a_wrong_setting_is_one_line(command: list[str], tmp_path: Path) -> None:
    file = lines(tmp_path / "rows.jsonl", {"statement": "s"})
    arguments = [part.format(file=file) for part in command]
    done = run(*arguments, home=tmp_path / "home", check=False, OCR_SANDBOX_WORKERS="many")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("Error: ") and "OCR_SANDBOX_WORKERS" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--only", "nothing"], "no asset nothing; there are raw_problems, "),
        (["run", "--source", "nothing"], "no source nothing; there are "),
    ],
)
def test_what_run_does_not_know_is_named(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCR_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2 and done.stderr.startswith(f"Error: {message}")
    assert not (tmp_path / "home").exists()


@pytest.mark.long
def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("run", home=tmp_path / "file" / "home", check=False)
    assert done.returncode == 2 and "OCR_HOME=" in done.stderr and "Traceback" not in done.stderr


def test_parse_from_parquet_to_parquet_keeps_the_other_columns(tmp_path: Path) -> None:
    asked = [{**ANSWER, "seed": 1, "note": None}, {**ANSWER, "content": "no code", "seed": 2, "note": None}]
    schema = pa.schema([*((name, pa.string()) for name in ANSWER), ("seed", pa.int32()), ("note", pa.string())])
    pq.write_table(pa.Table.from_pylist(asked, schema), tmp_path / "in.parquet")
    done = CliRunner().invoke(main, ["parse", str(tmp_path / "in.parquet"), "-o", str(tmp_path / "out.parquet")])
    assert done.exit_code == 0, done.output
    table = pq.read_table(tmp_path / "out.parquet")
    assert [row["code"] for row in table.to_pylist()] == ["print(1)", None]
    assert "content" not in table.column_names
    assert table.schema.field("seed").type == pa.int32() and table.schema.field("note").type == pa.string()


def test_parse_packs_its_output(tmp_path: Path) -> None:
    source, out = lines(tmp_path / "in.jsonl", ANSWER), tmp_path / "out.jsonl.gz"
    assert CliRunner().invoke(main, ["parse", str(source), "-o", str(out)]).exit_code == 0
    assert json.loads(gzip.decompress(out.read_bytes()))["reasoning"] == "easy"
    plain = CliRunner().invoke(main, ["parse", str(source)])
    assert json.loads(plain.stdout)["code"] == "print(1)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"content": "x"}\n', ", line 1: content (text) and language (python or cpp) are needed"),
        (b'{"content": "x", "language": "perl"}\n', ", line 1: content (text) and language (python or cpp) are needed"),
        (b"{", ", line 1: not JSON (Expecting property name enclosed in double quotes at column 2); write one object a line"),
    ],
)
def test_bad_rows_are_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(content)
    done = CliRunner().invoke(main, ["parse", str(source), "-o", str(tmp_path / "out.jsonl")])
    assert done.exit_code == 2 and done.stderr == f"Error: {source}{message}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_the_output_is_never_an_input(tmp_path: Path) -> None:
    source = lines(tmp_path / "in.jsonl", ANSWER)
    (tmp_path / "link.jsonl").symlink_to(source)
    for command in (["parse", str(source)], ["dedup", str(source)], ["verify", str(source), str(source)]):
        for name in ("in.jsonl", "link.jsonl"):
            done = CliRunner().invoke(main, [*command, "-o", str(tmp_path / name)])
            assert done.exit_code == 2 and "the output would overwrite an input" in done.stderr, done.output
    assert json.loads(source.read_text()) == ANSWER
    done = CliRunner().invoke(main, ["parse", str(source), "-o", str(tmp_path / "no" / "out.jsonl")])
    assert done.exit_code == 2 and "there is no folder" in done.stderr


@pytest.mark.parametrize(
    ("only", "subsets", "teacher", "asks"),
    [
        ((), (), "recorded", True),
        ((), (), "endpoint", False),
        ((), (), "vllm", False),
        ((), ("all",), "endpoint", True),
        (("synthetic_questions",), (), "endpoint", True),
        (("verdicts",), (), "endpoint", False),
    ],
)
def test_a_live_teacher_makes_questions_only_where_somebody_says_so(
    only: tuple[str, ...], subsets: tuple[str, ...], teacher: str, asks: bool
) -> None:
    from ocr_assets.cli.run import asks_for_questions

    assert asks_for_questions(only, subsets, teacher) == asks
