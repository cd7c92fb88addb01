"""Choices that last: a project file read by every command, releases by name, settings for one run."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.support.graph import open_lake, run

Demo = tuple[Path, subprocess.CompletedProcess[str]]
PROJECT = """
[releases.accepted]
profile = "ocr"
keep = "accepted"

[r1_traces]
python_samples = 7
"""


def test_releases_have_names_and_a_plain_run_changes_no_other(demo: Demo, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo[0], home, symlinks=True)
    before = (home / "releases" / "sft_dataset" / "current" / "manifest.json").read_text()
    (tmp_path / "ocr.toml").write_text(PROJECT)
    project = {"OCR_PROJECT": str(tmp_path / "ocr.toml")}

    done = run("run", "--select", "r1_traces", "--select", "group:release", "--set", "accepted.languages=[\"cpp\"]",
               "--set", "accepted.release_as=mine", home=home, **project)  # fmt: skip
    assert "mine: " in done.stderr and "r1_traces: 0 teacher requests" in done.stderr
    assert not (home / "releases" / "accepted").exists(), "what was made has another name"
    run("run", "--only", "accepted", home=home, **project)
    manifests = {
        name: json.loads((home / "releases" / name / "current" / "manifest.json").read_text()) for name in ("mine", "accepted")
    }
    assert manifests["accepted"]["filters"]["keep"] == "accepted" == manifests["mine"]["filters"]["keep"]
    assert set(manifests["mine"]["rows"]) == {"cpp"} and set(manifests["accepted"]["rows"]) == {"cpp", "python"}
    assert (home / "releases" / "sft_dataset" / "current" / "manifest.json").read_text() == before

    refused = run("run", "--select", "sft_dataset", "--set", "sft_dataset.keep=accepted", home=home, check=False, **project)
    assert refused.returncode == 1
    assert "sft_dataset: keep='accepted' is not what the project says of this release" in refused.stderr
    assert (home / "releases" / "sft_dataset" / "current" / "manifest.json").read_text() == before
    with open_lake(home) as lake:
        (row,) = lake.rows("SELECT configuration, project FROM run ORDER BY started_at DESC LIMIT 1")
        assert json.loads(row["project"])["file"] == str(tmp_path / "ocr.toml")
        (first,) = lake.rows("SELECT r.configuration FROM run r JOIN release_version v USING (run_id) WHERE v.release = 'mine'")
        assert json.loads(first["configuration"])["assets"]["r1_traces"]["python_samples"] == 7
        assert json.loads(first["configuration"])["assets"]["accepted"]["languages"] == ["cpp"]
