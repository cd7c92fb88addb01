"""The project file: one place of a person's choices, and a wrong one is refused in one line that says where."""

from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from ocr_assets.definitions import ASSETS
from ocr_assets.platform.sections import refuse_unknown
from resources.settings import (
    LakeResource,
    SourcesResource,
    TeacherResource,
    WrongSetting,
    environment_defaults,
    from_environment,
    resources_from_environment,
)
from resources.settings.project import SET_VARIABLE, as_set, home, read_project


def project(folder: Path, text: str) -> dict[str, str]:
    """The environment of a project whose file says ``text``."""
    (folder / "ocr.toml").write_text(text, encoding="utf-8")
    return {"OCR_PROJECT": str(folder / "ocr.toml")}


def test_what_is_set_by_hand_outweighs_the_environment_and_that_the_file_and_that_the_default(tmp_path: Path) -> None:
    environment = project(tmp_path, "[teacher]\nkind = 'endpoint'\nconcurrency = 3\nmax_requests = 5\n")
    found = from_environment(TeacherResource, environment)
    assert (found.kind, found.concurrency, found.max_requests, found.timeout_s) == ("endpoint", 3, 5, 3600)
    environment["OCR_TEACHER_CONCURRENCY"] = "4"
    environment["OCR_TEACHER_MAX_REQUESTS"] = ""  # an empty variable is not set
    found = from_environment(TeacherResource, environment)
    assert (found.concurrency, found.max_requests) == (4, 5)
    environment[SET_VARIABLE] = "\n".join([as_set("teacher", "concurrency", "6"), as_set("teacher", "max_requests", "")])
    found = from_environment(TeacherResource, environment)
    assert (found.kind, found.concurrency, found.max_requests) == ("endpoint", 6, None)
    assert from_environment(TeacherResource, environment, concurrency=9).concurrency == 9


def test_the_file_is_named_or_lies_in_the_current_folder_or_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert read_project({}).file is None
    named = project(tmp_path, "[teacher]\nmodel = 'a'\n")
    assert read_project(named).file == tmp_path / "ocr.toml" == read_project({"OCR_PROJECT": str(tmp_path)}).file
    monkeypatch.chdir(tmp_path)
    assert from_environment(TeacherResource, {}).model == "a"
    with pytest.raises(WrongSetting, match=r"OCR_PROJECT=.*nowhere.*no such file; `ocr-assets init` writes one"):
        read_project({"OCR_PROJECT": "nowhere.toml"})


def test_relative_paths_begin_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    environment = project(
        tmp_path,
        "[sources]\ntaco = 'data/taco'\napps = 'bundled'\ncode_contests = 'hub:a/b@main'\ncodeforces = ''\nlocal = '/abs'\n"
        "[teacher]\nmodel = 'models/mine'\ntokenizer = 'Qwen/Qwen3'\n[lake]\ndata_path = 's3://bucket/data'\n",
    )
    found = from_environment(SourcesResource, environment)
    assert (found.taco, found.apps, found.code_contests) == (str(tmp_path / "data" / "taco"), "bundled", "hub:a/b@main")
    assert (found.codeforces, found.local) == ("", "/abs")
    teacher = from_environment(TeacherResource, environment)
    assert (teacher.model, teacher.tokenizer) == (str(tmp_path / "models" / "mine"), "Qwen/Qwen3")
    lake = from_environment(LakeResource, environment)
    assert (lake.home, lake.data_path) == (str(tmp_path / ".ocr"), "s3://bucket/data"), "data lie beside the project file"
    assert from_environment(LakeResource, {**environment, "OCR_HOME": "elsewhere"}).home == "elsewhere"


@pytest.mark.parametrize("text", ["", "[lake]\nhome = 'there'\n", "[lake]\nhome = '/there'\n"])
@pytest.mark.parametrize("environment", [{}, {"OCR_HOME": "/here"}, {SET_VARIABLE: as_set("lake", "home", "/by/hand")}])
def test_home_is_the_same_with_and_without_dagster(tmp_path: Path, text: str, environment: dict[str, str]) -> None:
    environment = {**environment, **project(tmp_path, text)}
    assert home(environment) == from_environment(LakeResource, environment).root


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[techer]\nkind = 'endpoint'\n", "ocr.toml, line 1: there is no section techer; there are lake, sources, "),
        ("\n[teacher]\n\nkin = 'x'\n", "ocr.toml, line 4: there is no setting kin in [teacher]; there are kind, model, "),
        ("[r1_traces]\nsamples = 8\n", "ocr.toml, line 2: there is no setting samples in [r1_traces]; there are python_samples, "),
        ("kind = 'x'\n", "ocr.toml, line 1: kind stands in no section, such as [teacher]"),
        ("teacher = 'x'\n", "ocr.toml, line 1: teacher stands in no section"),
        ("[teacher]\nkey = 'sk-hunter2'\n", "ocr.toml, line 2: key in [teacher]: keys are only ever environment variables: OCR_TEA"),
        ("[teacher]\nOCR_TEACHER_KEY = 'hunter2'\n", "keys are only ever environment variables: OCR_TEACHER_KEY, "),
        ("OCR_TEACHER_KEY = 'hunter2'\n", "ocr.toml, line 1: OCR_TEACHER_KEY: keys are only ever environment variables"),
        ("[teacher]\nurl = 'https://me:hunter2@host/v1'\n", "ocr.toml, line 2: teacher.url='https://***@host/v1': a user name"),
        ("[teacher]\nkind = 'magic'\n", "ocr.toml, line 2: teacher.kind='magic': give 'recorded', 'endpoint' or 'vllm'"),
        ("[teacher]\n# kind\nconcurrency = 0\n", "ocr.toml, line 3: teacher.concurrency=0: give a value greater than or equal to 1"),
        ("[teacher]\nkind =\n", "this is no TOML: Invalid value (at line 2, column 7)"),
        ("[r1_traces]\ntop_p = 2\n", "ocr.toml, line 2: r1_traces.top_p=2: give a value less than or equal to 1"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_in_one_line_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    from ocr_assets.traces.settings import TraceSettings

    environment = project(tmp_path, text)
    with pytest.raises(WrongSetting) as error:
        resources_from_environment(environment)
        refuse_unknown(read_project(environment), ASSETS)
        from_environment(TraceSettings, environment, section="r1_traces")
    assert str(error.value).startswith("wrong setting: ") and said in str(error.value)
    assert "\n" not in str(error.value) and "hunter2" not in str(error.value)


def test_a_password_given_by_hand_is_refused_without_being_shown() -> None:
    with pytest.raises(WrongSetting, match=r"--set teacher.url='https://\*\*\*@host'") as error:
        read_project({SET_VARIABLE: as_set("teacher", "url", "https://me:hunter2@host")})  # pragma: allowlist secret
    assert "hunter2" not in str(error.value)


class Stage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    section: ClassVar[str] = "stage"
    words: list[str] = Field(["a"])
    share: float = 0.5
    limit: int | None = Field(None, ge=1)
    name: str | None = None


def test_values_have_the_types_of_toml_and_an_empty_text_is_null_where_there_may_be_null(tmp_path: Path) -> None:
    environment = project(tmp_path, "[stage]\nwords = ['b', 'c']\nshare = 1\nlimit = ''\nname = 5\n")
    assert from_environment(Stage, environment) == Stage(words=["b", "c"], share=1.0, limit=None, name="5")


def test_the_launchpad_shows_what_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class StageConfig(Stage, dg.Config):
        """As a stage writes it."""

    for name, value in project(tmp_path, "[stage]\nwords = ['b']\n").items():
        monkeypatch.setenv(name, value)
    environment_defaults(StageConfig)
    schema: Any = StageConfig.to_config_schema().as_field()
    assert schema.default_value == {"words": ["b"], "share": 0.5, "limit": None, "name": None}
    assert Stage().words == ["a"]


@given(st.text(), st.sampled_from(["teacher", "releases.strict"]))
def test_any_text_can_be_set_by_hand(text: str, section: str) -> None:
    lines = "\n".join([as_set(section, "model", text), as_set(section, "limit", "8")])
    assert read_project({SET_VARIABLE: lines}).set_by_hand(section) == {"model": text, "limit": "8"}


def test_what_is_typed_by_hand_is_read_as_its_field_says() -> None:
    lines = [as_set("stage", "words", '["x", "y"]'), as_set("stage", "name", "1e3"), as_set("stage", "limit", "8")]
    assert from_environment(Stage, {SET_VARIABLE: "\n".join(lines)}) == Stage(words=["x", "y"], name="1e3", limit=8)
    with pytest.raises(WrongSetting, match=r"wrong setting: --set stage.limit='many': give"):
        from_environment(Stage, {SET_VARIABLE: as_set("stage", "limit", "many")})
    with pytest.raises(WrongSetting, match=r"--set stage.word: there is no setting word in stage; there are words, share"):
        from_environment(Stage, {SET_VARIABLE: as_set("stage", "word", "x")})
