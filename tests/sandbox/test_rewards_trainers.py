"""Trainers ask the reward server by their own code: verl's and SandboxFusion's clients as they are published, TRL's trainer."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ocr_assets import rewards
from ocr_assets.rewards import CodeReward, RewardServer
from resources.sandbox.api import Program, SandboxFault
from resources.sandbox.docker_pool import DockerSandbox
from tests.support.others_clients import SANDBOX_FUSION, VERL, loaded, unpacked
from tests.support.reward_server import ScriptedSandbox, Served, serving

PAIRS = {"inputs": ["1\n", "2\n", "3\n"], "outputs": ["2\n", "4\n", "6\n"]}


def fenced(code: str) -> str:
    return f"Here it is:\n```python\n{code}\n```\n"


@pytest.fixture(scope="module")
def served(sandbox: DockerSandbox) -> Iterator[Served]:
    with serving(sandbox, wait_s=60) as server:
        yield server


@pytest.fixture(scope="module")
def verl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(VERL, tmp_path_factory.mktemp("verl")) / "verl"


@pytest.fixture(scope="module")
def their_reward(verl: Path) -> ModuleType:
    """verl's reward ``sandbox_fusion``, unchanged."""
    return loaded("verls_sandbox_fusion", verl / "utils" / "reward_score" / "sandbox_fusion" / "__init__.py")


@pytest.mark.long
@pytest.mark.parametrize(
    ("code", "score", "statuses"),
    [
        ("print(2 * int(input()))", 1.0, ["success"] * 3),
        ("n = int(input())\nprint(2 * n if n != 2 else 0)", 2 / 3, ["success", "wrong_answer", "success"]),
        ("raise SystemExit(1)", 0.0, ["runtime_error"] * 3),
        ("def", 0.0, ["runtime_error"] * 3),
        ("while True: pass", 0.0, ["timeout"] * 3),
        ("x = bytearray(1 << 30)", 0.0, ["runtime_error"] * 3),
    ],
)
def test_verls_own_reward_asks_the_server_unchanged(
    served: Served, their_reward: ModuleType, code: str, score: float, statuses: list[str]
) -> None:
    url = f"{served.address}/run_code"
    found, told = their_reward.compute_score(url, None, 128, fenced(code), json.dumps(PAIRS), continuous=True, timeout=1)
    assert (found, [test["status"] for test in told]) == (pytest.approx(score), statuses)


def test_verls_own_client_compiles_cpp(served: Served, their_reward: ModuleType) -> None:
    url, code = f"{served.address}/run_code", "#include <iostream>\nint main() { int n; std::cin >> n; std::cout << 2 * n; }"
    assert their_reward.check_correctness(url, PAIRS, code, 5, 256, "cpp")[0] == [True] * 3
    assert their_reward.check_correctness(url, PAIRS, "int main() { return x; }", 5, 256, "cpp")[0] == [-4] * 3


def test_verls_own_client_asks_again_after_a_fault(their_reward: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(their_reward.utils.time, "sleep", lambda seconds: None)
    met = list[str]()

    def breaks_twice(program: Program) -> bytes:
        met.append(program.code)
        if len(met) < 3:
            raise SandboxFault("it broke")
        return b"2"

    with serving(ScriptedSandbox(breaks_twice)) as server:
        truth = {"inputs": ["1"], "outputs": ["2"]}
        assert their_reward.compute_score(f"{server.address}/run_code", None, 128, fenced("x"), truth)[0] == 1.0
    assert len(met) == 3


CASES: list[tuple[str, dict[str, Any], float]] = [
    ("print(2 * int(input()))", PAIRS, 1),
    ("print(2.0 * int(input()))", {"inputs": ["1"], "outputs": ["2.000001"]}, 1),  # by our comparison
    ("print(3)", PAIRS, 0),
    ("def double(n): return 2 * n", {"fn_name": "double", "inputs": ["1", "2"], "outputs": ["2", "4"]}, 1),
    ("def double(n): raise ValueError", {"fn_name": "double", "inputs": ["1"], "outputs": ["2"]}, 0),
    ("def double(n): raise ValueError", {"fn_name": "double", "inputs": ["1"], "outputs": ["null"]}, 0),
    ("def double(n): print(4)", {"fn_name": "double", "inputs": ["2"], "outputs": ["4"]}, 0),
    ("class Any:\n  def __eq__(self, other): return True\ndef double(n): return Any()",
     {"fn_name": "double", "inputs": ["2"], "outputs": ["4"]}, 0),
    ("def double(n): return 2 * n", {"assert_case": ["assert double(2) == 4", "assert double(3) == 6"]}, 1),
    ("def double(n): return 4", {"assert_case": ["assert double(2) == 4", "assert double(3) == 6"]}, 0),
    ("import os\nos._exit(0)", {"assert_case": ["assert double(2) == 4"]}, 0),
]  # fmt: skip


def test_our_function_in_verl_lets_our_comparison_decide(served: Served, verl: Path) -> None:
    """Loaded by verl's own loader, which is how verl gets it: from a path, without registering the module."""
    loader = loaded("verls_import_utils", verl / "utils" / "import_utils.py")
    compute_score = loader.load_extern_object(rewards.__file__, "compute_score")
    for code, truth, score in CASES:
        found = compute_score("any", f"<think>hm</think>\n{fenced(code)}", json.dumps(truth), {}, url=served.address)
        assert found == {"score": score, "acc": score}, code


def test_a_null_output_is_no_free_reward(served: Served, their_reward: ModuleType) -> None:
    """verl's own way lets a function that raises pass where the expected output is null; ours refuses such tests."""
    truth = {"fn_name": "double", "inputs": ["1"], "outputs": [None]}
    raises = fenced("def double(n): raise ValueError")
    assert their_reward.compute_score(f"{served.address}/run_code", None, 128, raises, dict(truth))[0] == 1.0
    with pytest.raises(rewards.RewardRefused):
        rewards.compute_score("any", raises, truth, url=served.address)


def test_sandbox_fusions_own_client_gets_its_own_types(served: Served, tmp_path: Path) -> None:
    client = loaded("sandbox_fusion", unpacked(SANDBOX_FUSION, tmp_path) / "sandbox_fusion" / "__init__.py")
    client.set_endpoint(served.address)
    ran = client.run_code(client.RunCodeRequest(code="print(input())", stdin="hi", language="python"), max_attempts=1)
    assert (ran.status, ran.run_result.stdout) == (client.RunStatus.Success, "hi\n")
    compiled = client.run_code(client.RunCodeRequest(code="int main() { return x; }", language="cpp"), max_attempts=1)
    assert client.summary_run_code_result(compiled, client.SummaryMapping(CompileFailed="no")) == "no"
    tests = [{"input": {"stdin": "1"}, "output": {"stdout": "2"}}, {"input": {"stdin": "2"}, "output": {"stdout": "4"}}]
    config = client.TestConfig(language="python", provided_data={"test": tests}, extra={"run_all_cases": True}, run_timeout=2)
    for code, passed in (("print(2 * int(input()))", [True, True]), ("print(4)", [False, True])):
        request = client.SubmitRequest(dataset="any", id=7, completion=fenced(code), config=config)
        result = client.submit(request, max_attempts=1)
        assert (result.id, result.accepted, [test.passed for test in result.tests]) == (7, all(passed), passed)
    with pytest.raises(Exception, match="422"):
        client.run_code(client.RunCodeRequest(code="x", language="java"), max_attempts=1)


def taught(folder: Path, prompt: str, answer: str) -> Any:
    """A tiny model that mostly answers ``answer``, and its tokenizer: by some steps on that one text."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests.support.tiny_model import make

    make(folder, opens_think=False, hidden=64, layers=1)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids = torch.tensor([[*tokenizer(prompt + answer).input_ids, tokenizer.eos_token_id]])
    labels = ids.clone()
    labels[:, : len(tokenizer(prompt).input_ids)] = -100
    steps = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(200):
        loss = model(input_ids=ids, labels=labels).loss
        if loss.item() < 0.02:
            break
        loss.backward()
        steps.step()
        steps.zero_grad()
    return model, tokenizer


@pytest.mark.long
def test_trl_trains_two_steps_by_our_reward(served: Served, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    prompt, answer = "Print one.", "```python\nprint(1)\n```"
    model, tokenizer = taught(tmp_path / "model", prompt, answer)
    problem = json.dumps({"tests": [{"kind": "stdin", "input": "", "output": "1"}]})
    seen: list[tuple[str, float | None]] = []

    class Watched(CodeReward):
        def __call__(self, completions: Any, **columns: Any) -> list[float | None]:
            given = super().__call__(completions, **columns)
            seen.extend(zip(completions, given, strict=True))
            return given

    config = GRPOConfig(
        output_dir=str(tmp_path / "out"), max_steps=2, per_device_train_batch_size=4, num_generations=4, max_completion_length=40,
        use_cpu=True, report_to=[], logging_steps=1, save_strategy="no", seed=0, temperature=1.0, bf16=False, disable_tqdm=True,
    )  # fmt: skip
    rows = Dataset.from_list([{"prompt": prompt, "problem": problem, "language": "python"}] * 4)
    reward = Watched(RewardServer(served.address))
    trainer = GRPOTrainer(model=model, reward_funcs=reward, args=config, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    logged = [entry["rewards/code_reward/mean"] for entry in trainer.state.log_history if "rewards/code_reward/mean" in entry]
    assert len(seen) == 8 and len(logged) == 2
    assert sum(logged) / 2 == pytest.approx(sum(given or 0.0 for _, given in seen) / 8)
    right = [given for completion, given in seen if completion.strip() == answer]
    assert right and set(right) == {1.0}, "the model was taught to be right mostly"
