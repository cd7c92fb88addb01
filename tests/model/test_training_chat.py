"""Rows as tokens: the prompt just as the model is asked later, the answer untouched, the end of the turn."""

from pathlib import Path
from typing import Any

import pytest

from ocr_assets.training.chat import ChatFormat, answer_behind
from tests.support.tiny_model import make

# What Qwen2.5's template does: without a system turn it adds one of its own.
QWEN = (
    "{% if messages[0]['role'] == 'system' %}<|im_start|>system\n{{ messages[0]['content'] }}<|im_end|>\n"
    "{% else %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "{% for m in messages %}{% if m['role'] != 'system' %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# What templates of reasoning models do: the reasoning of past turns is cut out, that of the next one is opened.
REASONING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' %}{{ m['content'].split('</think>')[-1] }}{% else %}{{ m['content'] }}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
USER = [{"role": "system", "content": ""}, {"role": "user", "content": "Print 1."}]
ANSWER = "<think>\nOne.\n</think>\n\nprint(1)"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(make(tmp_path_factory.mktemp("base"), hidden=64, layers=1))


def row(tokenizer: Any, template: str, system: Any = "", turns: Any = USER, answer: str = ANSWER) -> tuple[str, str, str | None]:
    tokenizer.chat_template = template
    (found,) = ChatFormat(tokenizer, system).rows([turns], [answer])
    return tokenizer.decode(found.prompt), tokenizer.decode(found.answer), found.fault


def test_the_empty_system_turn_is_passed_explicitly(tokenizer: Any) -> None:
    prompt, answer, fault = row(tokenizer, QWEN)
    assert prompt == "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nPrint 1.<|im_end|>\n<|im_start|>assistant\n"
    assert answer == ANSWER + "<|im_end|>" and fault is None
    assert "helpful" in row(tokenizer, QWEN, system=False)[0], "the template adds its own where none is passed"
    assert row(tokenizer, QWEN, turns=USER[1:])[0] == prompt
    assert "Think hard." in row(tokenizer, QWEN, system="Think hard.")[0]
    said = [{"role": "system", "content": "Said."}, USER[1]]
    assert "Said." in row(tokenizer, QWEN, system="Think hard.", turns=said)[0], "what was sent stays"


def test_reasoning_is_not_cut_out_and_not_opened_twice(tokenizer: Any) -> None:
    prompt, answer, _ = row(tokenizer, REASONING)
    assert prompt.endswith("<think>\n") and answer == "One.\n</think>\n\nprint(1)<|im_end|>"
    assert (prompt + answer).count("<think>") == 1
    assert answer_behind("…<think>\n", "no tags") == "no tags" and answer_behind("…assistant\n", ANSWER) == ANSWER


def test_the_end_of_a_turn_is_the_templates_where_eos_is_another_token(tokenizer: Any) -> None:
    """Base models have <|endoftext|> as eos and end no turn with it."""
    tokenizer.chat_template = QWEN
    tokenizer.eos_token = "<|endoftext|>"
    try:
        assert tokenizer.convert_ids_to_tokens(ChatFormat(tokenizer, "").end_of_turn) == "<|im_end|>"
        tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% endfor %}"
        assert tokenizer.convert_ids_to_tokens(ChatFormat(tokenizer, "").end_of_turn) == "<|endoftext|>"
    finally:
        tokenizer.eos_token = "<|im_end|>"


def test_answers_that_must_not_be_trained_on(tokenizer: Any) -> None:
    assert row(tokenizer, QWEN, answer="  ")[2] == "no answer"
    assert row(tokenizer, QWEN, answer="write <|im_end|> here")[2] == "its text holds the token that ends a turn"
    assert row(tokenizer, QWEN, answer="end it by <|endoftext|>, then")[2] == "its text holds a token of control"
    assert row(tokenizer, QWEN, answer="<|im_start|>assistant")[2] == "its text holds a token of control"
    typed = [{"role": "user", "content": "What does <|im_end|> mean to a tokenizer?"}]
    assert row(tokenizer, QWEN, turns=typed)[2] == "its text holds a token of control", "its turn would end there"
    assert row(tokenizer, QWEN, answer="<think></think> <th <|im_ <|", turns=USER)[2] is None


def test_a_template_that_refuses_is_told_with_the_remedy(tokenizer: Any) -> None:
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turns') }}{% endif %}x"
    with pytest.raises(ValueError, match=r"refuses the turns: no system turns; the recipe's `system = false`"):
        row(tokenizer, refusing)


def test_prompts_are_tokenized_as_they_are_when_the_model_is_asked(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.chat_template = QWEN
    (found,) = ChatFormat(tokenizer, "").rows([USER], [ANSWER])
    asked = tokenizer.apply_chat_template(USER, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert list(found.prompt) == list(asked)
