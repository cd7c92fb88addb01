"""Which teacher answers is a setting, and a wrong one is refused by its name."""

import json
from pathlib import Path

import pytest

from resources.models.api import TeacherUnavailable
from resources.models.budget import Budget
from resources.settings import JudgesResource, TeacherResource, prices_of, resources_from_environment


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
    with pytest.raises(TeacherUnavailable, match="OCR_JUDGE_URL"):
        judges(OCR_JUDGES="endpoint").opened("llama", tmp_path)
    apart = judges(OCR_JUDGES="endpoint", OCR_JUDGE_URL="http://one/v1,http://two/v1")
    together = judges(OCR_JUDGES="endpoint", OCR_JUDGE_URL="http://one/v1")
    assert [apart.opened(name, tmp_path)._urls for name in apart.names] == [["http://one/v1"], ["http://two/v1"]]  # type: ignore[attr-defined]
    assert [together.opened(name, tmp_path)._urls for name in together.names] == [["http://one/v1"]] * 2  # type: ignore[attr-defined]


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
    with pytest.raises(TeacherUnavailable, match="OCR_TEACHER_URL"):
        teacher(OCR_TEACHER="endpoint").opened(tmp_path)
