"""The project file: one place of a person's choices, and a wrong one is refused in one line that says where."""

from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from ocr_assets.cli import Refused, choosing, main
from ocr_assets.definitions import ASSETS, build_definitions
from ocr_assets.platform.releases import named_releases
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
from resources.settings.environment import section_fields
from resources.settings.project import SET_VARIABLE, as_set, home, read_project


def project(folder: Path, text: str) -> dict[str, str]:
    """The environment of a project whose file says ``text``."""
    (folder / "ocr.toml").write_text(text, encoding="utf-8")
    return {"OCR_PROJECT": str(folder / "ocr.toml")}


def test_by_hand_comes_before_the_environment_then_the_file_then_the_default(tmp_path: Path) -> None:
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


def test_a_list_of_endpoints_starts_from_the_folder_of_the_file(tmp_path: Path) -> None:
    urls = "http://one/v1, list:servers.txt,list:https://two/servers,list:/three,list:~/four"
    environment = project(tmp_path, f"[teacher]\nurl = '{urls}'\n")
    found = from_environment(TeacherResource, environment).url
    assert found == f"http://one/v1,list:{tmp_path}/servers.txt,list:https://two/servers,list:/three,list:~/four"


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
        ("[teacher]\nurl = 'https://me:hunter2@host/v1'\n", "ocr.toml, line 2: teacher.url='https://***@host/v1': a user name"),  # pragma: allowlist secret
        ("[teacher]\nurl = 'https://h/v1?a=b&api_key=hunter2'\n", "teacher.url='https://h/v1?a=b&api_key=***': a user name"),
        ("[teacher]\n'https://me:hunter2@host' = 1\n", "there is no setting https://***@host in [teacher]"),  # pragma: allowlist secret
        ("[teacher]\nkind = 'magic'\n", "ocr.toml, line 2: teacher.kind='magic': give 'recorded', 'endpoint', 'vllm', 'server' or 'published'"),
        ("[teacher]\n# kind\nconcurrency = 0\n", "ocr.toml, line 3: teacher.concurrency=0: give a value greater than or equal to 1"),
        ("a = " + "[" * 5000, "this is no TOML: maximum recursion depth"),
        ("[teacher]\nconcurrency = " + "9" * 5000, "this is no TOML: Exceeds the limit"),
        ("[lake]\nhome = ' '\n", "ocr.toml, line 2: lake.home=' ': give the name of a folder"),
        ("[lake]\nhome = 'a\\u0000'\n".replace("'", '"'), "give the name of a folder"),
        ("[lake]\nhome = '~nobody-of-this-name/x'\n", "give a folder; there is no such user"),
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


@pytest.mark.parametrize("chosen", ["", " ", "~nobody-of-this-name", "a\\u0000b"])
def test_a_home_that_is_no_folder_is_refused_also_without_dagster(tmp_path: Path, chosen: str) -> None:
    with pytest.raises(WrongSetting, match=r"lake\.home=.*: give "):
        home(project(tmp_path, f'[lake]\nhome = "{chosen}"\n'))


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert read_project(project(tmp_path, "\ufeff[teacher]\nmodel = 'a'\n")).section("teacher") == {"model": "a"}


@pytest.mark.parametrize(
    ("name", "why"), [("a" * 101, "at most 100 characters"), ("sources", "a section of settings"), ("warnings", "a section of")]
)
def test_a_release_has_no_name_that_is_no_folder_or_another_section(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(WrongSetting, match=why):
        named_releases(read_project(project(tmp_path, f"[releases.{name}]\nprofile = 'ocr'\n")))


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


def uncommented(text: str) -> str:
    """A sample with every setting taken in: prose has a space behind its #."""
    return "\n".join(line[1:] if line.startswith("#") and line[1:2].isalpha() else line for line in text.splitlines())


def test_the_sample_sets_nothing_and_with_all_its_lines_the_defaults(tmp_path: Path) -> None:
    import tomllib

    from ocr_assets.cli.init import sample
    from ocr_assets.platform.releases import BUNDLED
    from ocr_assets.platform.sections import sections

    text = sample()
    assert {name: found for name, found in tomllib.loads(text).items() if found and name != "releases"} == {}
    environment = project(tmp_path, uncommented(text))
    found = read_project(environment)
    refuse_unknown(found, ASSETS)
    known = sections(ASSETS)
    assert set(found.sections) == {name.partition(".")[0] for name in known} and set(found.releases) == set(BUNDLED)
    for section, model in known.items():
        there = set(found.section(section)) - {"profile"}
        assert there == set(section_fields(model)) - {"profile"}, f"{section}: the sample has every field"
        assert (section, from_environment(model, environment, section=section).model_dump(exclude={"home"})) == (
            section, model().model_dump(exclude={"home"})
        )  # fmt: skip
    assert named_releases(found) == BUNDLED


def test_init_writes_the_sample_once(tmp_path: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(main, ["init", str(tmp_path / "mine")])
    file = tmp_path / "mine" / "ocr.toml"
    assert done.exit_code == 0 and f"OCR_PROJECT={file}" in done.output and file.read_text().startswith("# The project file")
    file.write_text("[teacher]\n")
    done = runner.invoke(main, ["init", str(tmp_path / "mine")])
    assert (done.exit_code, file.read_text()) == (2, "[teacher]\n") and "it stays as it is" in done.stderr


def test_settings_say_who_set_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in project(tmp_path, "[teacher]\nmodel = 'mine'\n[r1_traces]\npython_samples = 9\n").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OCR_TEACHER_CONCURRENCY", "7")
    monkeypatch.setenv("OCR_TEACHER_KEY", "hunter2")
    said = CliRunner().invoke(main, ["settings"]).output
    lines = said.splitlines()
    assert lines[0] == f"project file: {tmp_path / 'ocr.toml'}"
    for start in (
        '  model = "mine"  # ocr.toml, line 2: teacher.model: ', "  concurrency = 7  # OCR_TEACHER_CONCURRENCY: ",
        "  python_samples = 9  # ocr.toml, line 4: r1_traces.python_samples: ", "  timeout_s = 3600  # Seconds",
        "  OCR_TEACHER_KEY  # set: ",
    ):  # fmt: skip
        assert any(line.startswith(start) for line in lines), start
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[releases.mine]\nkeep = 'all'\n", "ocr.toml, line 1: [releases.mine] has no profile; give one of ocr, "),
        ("[releases.mine]\nprofile = 'csv'\n", "[releases.mine] has the profile 'csv'; give one of ocr, kodcode_v1, "),
        ("[releases.sft_dataset]\nprofile = 'kodcode_v1'\n", "[releases.sft_dataset] has the profile 'kodcode_v1'; give ocr"),
        ("[releases.Mine]\nprofile = 'ocr'\n", "[releases.Mine]: the name of a release begins with a letter"),
        ("[releases.verdicts]\nprofile = 'ocr'\n", "[releases.verdicts]: verdicts is a table of the lake; give another name"),
        ("[releases]\nmine = 'ocr'\n", "releases.mine is a section: write [releases.mine]"),
    ],
)  # fmt: skip
def test_a_release_that_cannot_be_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(WrongSetting) as error:
        named_releases(read_project(project(tmp_path, text)))
    assert said in str(error.value)


def test_a_release_s_field_that_cannot_be_is_refused_when_its_asset_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ocr_assets.exports.assets import release_asset
    from ocr_assets.exports.profiles import PROFILES

    for text, said in (
        ("keeping = 'all'", "there is no setting keeping in [releases.mine]; there are profile, validation, "),
        ("release_as = 'x'", "there is no setting release_as in [releases.mine]"),
        ("keep = 'some'", "ocr.toml, line 3: releases.mine.keep='some': give 'all', 'accepted' or 'rejected'"),
    ):
        for name, value in project(tmp_path, f"[releases.mine]\nprofile = 'ocr'\n{text}\n").items():
            monkeypatch.setenv(name, value)
        with pytest.raises(WrongSetting) as error:
            release_asset("mine", PROFILES["ocr"])
        assert said in str(error.value)


def test_assets_are_selected_by_name_and_as_in_the_ui() -> None:
    graph, names = build_definitions().resolve_asset_graph(), [asset.key.to_user_string() for asset in ASSETS]
    assert choosing.selected([], graph, names) == names
    assert choosing.selected(["verdicts", "solutions"], graph, names) == ["solutions", "verdicts"]
    assert choosing.selected(["group:release"], graph, names) == ["sft_dataset", "kodcode_v1", "kodcode_sft_r1", "kodcode_rl"]
    assert {"raw_problems", "verdicts", "sft_dataset"} < set(choosing.selected(["+sft_dataset"], graph, names))
    assert choosing.selected(["1+suite_quality", "sft_dataset"], graph, names) == choosing.selected(
        ["1+key:suite_quality or key:sft_dataset"], graph, names
    )
    for wrong, said in (
        ("nothing", "no asset nothing; there are raw_problems"), ("+nothing", "no asset nothing; there are"),
        ("verdicts and", "give an asset, or a selection such as"), ("group:nothing", "it takes in no asset"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=said):
            choosing.selected([wrong], graph, names)


def test_what_is_set_for_a_run_reaches_resources_and_assets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SET_VARIABLE, "")
    of_assets = choosing.set_resources(
        ["teacher.concurrency=4", "sources.taco=", "r1_traces.python_samples=8", "releases.sft_dataset.languages=[\"cpp\"]",
         "sft_dataset.release_as=cpp"]
    )  # fmt: skip
    assert from_environment(TeacherResource).concurrency == 4 and from_environment(SourcesResource).taco == ""
    config = choosing.asset_config(ASSETS, of_assets, ["r1_traces", "sft_dataset"])
    assert config == {"r1_traces": {"python_samples": 8}, "sft_dataset": {"languages": ["cpp"], "release_as": "cpp"}}
    for values, said in (
        (["python_samples=8"], "give NAME.FIELD=VALUE"), (["teacher.concurrency"], "give NAME.FIELD=VALUE"),
        (["traces.x=1"], "--set traces: there are no settings of that name; there are those of deduped_problems, "),
        (["verdicts.cpu_s=1"], "--set verdicts: this run does not materialize verdicts"),
        (["r1_traces.python=1"], "--set r1_traces.python: there is no setting python in r1_traces; there are python_samples"),
        (["r1_traces.python_samples=x"], "wrong setting: --set r1_traces.python_samples='x': give a valid integer"),
        (["teacher.kind=magic"], "wrong setting: --set teacher.kind='magic': give 'recorded'"),
        (["teacher.kin=magic"], "--set teacher.kin: there is no setting kin in teacher"),
    ):  # fmt: skip
        monkeypatch.setenv(SET_VARIABLE, "")
        with pytest.raises((Refused, WrongSetting)) as error:
            choosing.asset_config(ASSETS, choosing.set_resources(values), ["r1_traces"])
        assert said in str(error.value)
