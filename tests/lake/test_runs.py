"""What the lake keeps of a run: its configuration as it was, whoever gave it, the packages, the images and the project file."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import BaseModel, ConfigDict

from ocr_assets.platform import publish
from ocr_assets.platform.assets import Results, lake_asset
from ocr_assets.platform.lake import project_lake
from ocr_assets.schema import PROMPTS
from resources.lake import Lake, RunInfo, Write
from resources.settings import LakeResource, TeacherResource, resources_from_environment


class PromptSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    words: list[str] = ["a"]
    depth: int = 1


def run(resources: dict[str, Any], config: dict[str, Any]) -> None:
    class PromptsConfig(PromptSettings, dg.Config):
        """As a stage writes it."""

    def prompts(context: dg.AssetExecutionContext, config: Any, lake: LakeResource, teacher: TeacherResource) -> Results:
        """Prompts."""

        def body(store: Lake, write: Write) -> dict[str, Any]:
            write.sync(PROMPTS, [])
            return {}

        yield from publish.replace(context, lake, PROMPTS, body)

    prompts.__annotations__["config"] = PromptsConfig
    assert dg.materialize([lake_asset(PROMPTS)(prompts)], resources=resources, run_config=config).success


@pytest.mark.long
def test_a_run_says_with_which_settings_packages_and_project_file_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ocr.toml").write_text("[teacher]\nconcurrency = 7\nmodel = 'mine'\n")
    monkeypatch.delenv("OCR_HOME", raising=False)
    monkeypatch.setenv("OCR_PROJECT", str(tmp_path))
    monkeypatch.setenv("OCR_TEACHER_KEY", "sk-hunter2")
    resources = resources_from_environment()
    run(resources, {"ops": {"prompts": {"config": {"depth": 3}}}, "resources": {"teacher": {"config": {"timeout_s": 9}}}})
    with project_lake(tmp_path / ".ocr" / "lake") as lake:
        (row,) = lake.rows("FROM run")
    configuration = json.loads(row["configuration"])
    teacher = configuration["resources"]["teacher"]
    assert (teacher["concurrency"], teacher["model"], teacher["timeout_s"]) == (7, "mine", 9), "the file's fields stay"
    assert set(configuration["resources"]) == set(resources), "also those that no asset of the run asked for"
    assert configuration["assets"] == {"prompts": {"words": ["a"], "depth": 3}}
    assert {"duckdb", "dagster"} <= set(json.loads(row["packages"]))
    assert json.loads(row["project"])["file"] == str(tmp_path / "ocr.toml")
    assert row["images"] is None and row["code_version"]
    assert "hunter2" not in str(row)


@pytest.mark.long
def test_images_are_noted_when_programs_have_run_in_them(tmp_path: Path) -> None:
    first, second = RunInfo("r", "job"), RunInfo("r", "job", images=("sandbox@sha256:1",))
    with project_lake(tmp_path) as lake:
        for info in (first, second, RunInfo("r", "job", images=("other@sha256:2",)), first):
            with lake.write(info, "verdicts"):
                pass
        (row,) = lake.rows("FROM run")
    assert json.loads(row["images"]) == ["other@sha256:2", "sandbox@sha256:1"]
