"""Which teacher answers is a setting, and a wrong one is refused by its name."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from resources.models.api import ModelUnavailable
from resources.models.budget import Budget
from resources.secrets import TEACHER_KEY, authorization, hidden
from resources.settings import (
    RESOURCES,
    JudgesResource,
    TeacherResource,
    WrongSetting,
    environment_defaults,
    from_environment,
    prices_of,
    resources_from_environment,
)
from resources.settings.environment import variables

ROOT = Path(__file__).resolve().parents[2]


def teacher(**environment: str) -> TeacherResource:
    found = resources_from_environment(environment)["teacher"]
    assert isinstance(found, TeacherResource)
    return found


def judges(**environment: str) -> JudgesResource:
    found = resources_from_environment({"OCR_JUDGE_MODELS": "llama,qwen", **environment})["judges"]
    assert isinstance(found, JudgesResource)
    return found


def test_each_kind_is_one_setting_away(tmp_path: Path) -> None:
    assert (teacher().opened(tmp_path).name, teacher().opened(tmp_path).model) == ("recorded", "deepseek-ai/DeepSeek-R1")
    urls = "http://one/v1, http://two/v1"
    assert teacher(OCR_TEACHER="endpoint", OCR_TEACHER_URL=urls, OCR_TEACHER_MODEL="r1").opened(tmp_path).name == "endpoint"
    vllm = teacher(OCR_TEACHER="vllm", OCR_VLLM_TENSOR_PARALLEL="4", OCR_VLLM_DTYPE="bfloat16", OCR_VLLM_ENGINE='{"seed": 1}')
    opened = vllm.opened(tmp_path)  # the engine loads when it is first asked
    assert opened.name == "vllm"
    assert opened._engine_arguments == {  # type: ignore[attr-defined]
        "tensor_parallel_size": 4, "max_model_len": None, "dtype": "bfloat16", "seed": 1,
    }  # fmt: skip


def test_any_teacher_can_be_recorded(tmp_path: Path) -> None:
    recording = teacher(OCR_TEACHER="endpoint", OCR_TEACHER_URL="http://one/v1", OCR_TEACHER_RECORD=str(tmp_path / "kept"))
    assert recording.opened(tmp_path).name == "endpoint" and (tmp_path / "kept").is_dir()


def test_a_budget_from_the_environment() -> None:
    settings = teacher(
        OCR_TEACHER_MAX_REQUESTS="10", OCR_TEACHER_MAX_TOKENS="2000", OCR_TEACHER_MAX_COST="1.5",
        OCR_TEACHER_PRICE_PROMPT="0.5", OCR_TEACHER_PRICE_COMPLETION="2.2",
    )  # fmt: skip
    assert settings.budget == Budget(10, 2000, 1.5, 0.5, 2.2)


def test_a_judge_has_its_own_price_within_one_budget_of_all() -> None:
    found = judges(OCR_JUDGE_PRICES="0.1/0.2,3/4", OCR_JUDGE_MAX_COST="9", OCR_JUDGE_MAX_TOKENS="8", OCR_JUDGE_MAX_REQUESTS="7")
    assert [found.budget(name) for name in found.names] == [Budget(7, 8, 9.0, 0.1, 0.2), Budget(7, 8, 9.0, 3.0, 4.0)]
    assert judges().budget("qwen") == Budget()
    assert judges(OCR_JUDGES="none", OCR_JUDGE_PRICES="0.1/0.2,3/4").names == []


def test_prices_of_judges() -> None:
    names = ["llama", "qwen"]
    assert prices_of("", names) == {}
    assert prices_of("0.1/0.2", names) == {"llama": (0.1, 0.2), "qwen": (0.1, 0.2)}
    assert prices_of("0.1/0.2,3/4", names) == {"llama": (0.1, 0.2), "qwen": (3.0, 4.0)}
    for wrong in ("0.1", "a/b", "1/2,3/4,5/6", "1/2/3"):
        with pytest.raises(ValueError, match="OCR_JUDGE_PRICES"):
            judges(OCR_JUDGE_PRICES=wrong)


def test_each_judge_at_its_own_address_or_all_at_one(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="OCR_JUDGE_URL"):
        judges(OCR_JUDGES="endpoint").opened("llama", tmp_path)
    apart = judges(OCR_JUDGES="endpoint", OCR_JUDGE_URL="http://one/v1,http://two/v1")
    together = judges(OCR_JUDGES="endpoint", OCR_JUDGE_URL="http://one/v1")
    assert [str(apart.opened(name, tmp_path)._source) for name in apart.names] == ["http://one/v1", "http://two/v1"]  # type: ignore[attr-defined]
    assert [str(together.opened(name, tmp_path)._source) for name in together.names] == ["http://one/v1"] * 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"OCR_TEACHER": "chatbot"}, "OCR_TEACHER="),
        ({"OCR_TEACHER_THINK": "maybe"}, "OCR_TEACHER_THINK="),
        ({"OCR_TEACHER_CONCURRENCY": "0"}, "OCR_TEACHER_CONCURRENCY="),
        ({"OCR_TEACHER_DEADLINE": "-1"}, "OCR_TEACHER_DEADLINE="),
        ({"OCR_TEACHER_MAX_COST": "5"}, "OCR_TEACHER_MAX_COST needs OCR_TEACHER_PRICE_PROMPT and OCR_TEACHER_PRICE_COMPLETION"),
        ({"OCR_JUDGE_MAX_COST": "5"}, "OCR_JUDGE_MAX_COST needs OCR_JUDGE_PRICES"),
        ({"OCR_JUDGE_MAX_TOKENS": "-1"}, "OCR_JUDGE_MAX_TOKENS="),
        ({"OCR_VLLM_ENGINE": json.dumps([1])}, "OCR_VLLM_ENGINE="),
        ({"OCR_VLLM_ENGINE": "seed=1"}, "OCR_VLLM_ENGINE="),
    ],
)
def test_a_wrong_setting_is_refused_by_name(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        resources_from_environment(environment)


def test_an_endpoint_without_an_address_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="OCR_TEACHER_URL"):
        teacher(OCR_TEACHER="endpoint").opened(tmp_path)


def test_every_field_of_every_resource_says_its_variable_and_no_two_share_one() -> None:
    named = [variables(resource) for resource in RESOURCES.values()]
    assert [set(found) for found in named] == [set(resource.model_fields) for resource in RESOURCES.values()]
    all_variables = [variable for found in named for variable in found.values()]
    assert len(all_variables) == len(set(all_variables)) and all(name.startswith("OCR_") for name in all_variables)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"OCR_TEACHER": "magic"},
            "wrong setting: OCR_TEACHER='magic': give 'recorded', 'endpoint', 'vllm', 'server' or 'published'",
        ),
        ({"OCR_SANDBOX_MEMORY": "much"}, "wrong setting: OCR_SANDBOX_MEMORY='much': give a valid integer"),
        (
            {"OCR_TEACHER_CONCURRENCY": "0"},
            "wrong setting: OCR_TEACHER_CONCURRENCY='0': give a value greater than or equal to 1",
        ),
    ],
)
def test_a_wrong_value_is_one_line_with_variable_value_and_mend(environment: dict[str, str], said: str) -> None:
    with pytest.raises(WrongSetting) as error:
        resources_from_environment(environment)
    assert str(error.value) == said
    assert error.value.__cause__ is None and error.value.__suppress_context__


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OCR_TEACHER_URL", "https://me:hunter2@host/v1"),  # pragma: allowlist secret
        ("OCR_TEACHER_URL", "http://fine/v1, https://me:hunter2@host/v1"),  # pragma: allowlist secret
        ("OCR_JUDGE_URL", "https://hunter2@host/v1"),
        ("OCR_CATALOG", "postgres:dbname=ocr password=hunter2 host=db"),
        ("OCR_DAGSTER", "postgres:dbname=dagster password=hunter2 host=db"),
        ("OCR_DATA_PATH", "s3://key:hunter2@bucket/data"),  # pragma: allowlist secret
        ("OCR_CATALOG", "postgres:postgresql://me:hunter2@db/ocr"),  # pragma: allowlist secret
    ],
)
def test_a_password_in_a_setting_is_refused_without_being_shown(variable: str, value: str) -> None:
    with pytest.raises(WrongSetting) as error:
        resources_from_environment({variable: value})
    assert "hunter2" not in str(error.value)
    elsewhere = ("_KEY=basic:user:password", "PGPASSWORD", "AWS_ACCESS_KEY_ID")
    assert variable in str(error.value) and any(name in str(error.value) for name in elsewhere)


def test_addresses_without_a_password_are_no_passwords() -> None:
    for fine in ("hub:deepmind/code_contests@main", "http://host:8000/v1", "/a/folder@home", "postgres:dbname=ocr host=/run"):
        resources_from_environment({"OCR_CODE_CONTESTS": fine, "OCR_TEACHER_URL": fine, "OCR_CATALOG": fine})


def test_a_key_is_read_when_it_is_used_and_is_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = teacher(OCR_TEACHER="endpoint", OCR_TEACHER_URL="http://one/v1", OCR_TEACHER_KEY="sk-one")
    monkeypatch.setenv("OCR_TEACHER_KEY", "sk-two")
    opened = settings.opened(tmp_path)
    assert opened._key == SecretStr("sk-two")  # type: ignore[attr-defined]
    assert "sk-" not in repr(settings) + repr(vars(opened)) + str(settings.model_dump())
    assert TEACHER_KEY.read({}) is None


def test_what_is_sent_for_a_key() -> None:
    assert authorization(None) == "Bearer none"
    assert authorization(SecretStr("sk-1:2")) == "Bearer sk-1:2"
    assert authorization(SecretStr("basic:me:pass:word")) == "Basic bWU6cGFzczp3b3Jk"


def test_keys_and_passwords_are_hidden_however_they_were_sent() -> None:
    key = SecretStr("basic:me:hunter2")
    text = f"{authorization(key)} me:hunter2 hunter2 http://x:y@host/v1 dbname=o password='a b' Password=c ok"  # pragma: allowlist secret
    assert hidden(text, [key, None]) == "Basic *** *** *** http://***@host/v1 dbname=o password=*** Password=*** ok"


class Stage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbours: int = Field(3, ge=1, json_schema_extra={"env": "OCR_NEIGHBOURS"})
    ngram: int = 8


def test_settings_of_a_stage_come_from_what_is_given_then_the_environment_then_the_default() -> None:
    assert from_environment(Stage, {}) == Stage()
    assert from_environment(Stage, {"OCR_NEIGHBOURS": "5"}) == Stage(neighbours=5)
    assert from_environment(Stage, {"OCR_NEIGHBOURS": "5"}, neighbours=7, ngram=2) == Stage(neighbours=7, ngram=2)
    with pytest.raises(WrongSetting, match=r"^wrong setting: OCR_NEIGHBOURS='0': give a value"):
        from_environment(Stage, {"OCR_NEIGHBOURS": "0"})
    with pytest.raises(WrongSetting, match=r"^wrong setting: neighbours=0: give a value"):
        from_environment(Stage, {"OCR_NEIGHBOURS": "5"}, neighbours=0)


def test_the_launchpad_shows_what_the_environment_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def config() -> Any:
        @environment_defaults
        class StageConfig(Stage, dg.Config):
            """As a stage writes it."""

        return StageConfig

    monkeypatch.setenv("OCR_NEIGHBOURS", "5")
    assert (config()().neighbours, config()(neighbours=7).neighbours) == (5, 7)
    assert config().to_config_schema().as_field().default_value == {"neighbours": 5, "ngram": 8}
    assert Stage().neighbours == 3
    monkeypatch.setenv("OCR_NEIGHBOURS", "none")
    with pytest.raises(WrongSetting, match="OCR_NEIGHBOURS='none'"):
        config()


@pytest.mark.slow
def test_a_wrong_setting_ends_the_command_with_one_line_and_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ocr_assets.cli", "lineage", "funnel"],
        env={"OCR_TEACHER": "magic"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == "Error: wrong setting: OCR_TEACHER='magic': give 'recorded', 'endpoint', 'vllm', 'server' or 'published'\n"
    )


def test_the_page_of_settings_is_made_from_the_fields() -> None:
    from ocr_assets.cli.settings import as_markdown, stage_settings

    page = as_markdown()
    for resource in RESOURCES.values():
        assert all(f"| `{name}` | `{variable}` |" in page for name, variable in variables(resource).items())
    assert {"contamination_report", "r1_traces", "verdicts", "sft_dataset"} <= set(stage_settings())
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == page, "write it anew: ocr-assets settings --markdown > docs/settings.md"
