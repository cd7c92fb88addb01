"""A training row as tokens: the prompt just as the model will be given it when it is asked, the answer, the end of the turn.

The prompt is what the chat template makes of the turns with an assistant's turn opened; the answer is put behind as it was given.
It does not go through the template: those of reasoning models cut the reasoning out of past turns. Prompt and answer are
tokenized apart, since a model that answers has its prompt tokenized by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from resources.models.api import Message
from resources.models.reasoning import CLOSE, OPEN

_ANSWER = "the answer"
NO_ANSWER = "no answer"
ENDS_A_TURN = "its text holds the token that ends a turn"
CONTROL_TOKEN = "its text holds a token of control"


@dataclass(frozen=True)
class Tokens:
    """A row's tokens. ``fault``: why it must not be trained on; None: it may."""

    prompt: Sequence[int]
    answer: Sequence[int]
    fault: str | None = None


@dataclass(frozen=True)
class ChatFormat:
    """``tokenizer``: a transformers tokenizer with a chat template. ``system``: the system turn where the prompt says nothing in
    one; False: none is passed."""

    tokenizer: Any
    system: Literal[False] | str

    @cached_property
    def end_of_turn(self) -> int:
        """The token that ends the assistant's turn: what the template puts behind an answer, or the tokenizer's end of text.

        Raises ``ValueError`` if there is neither.
        """
        turns = self._with_system([{"role": "user", "content": "a question"}, {"role": "assistant", "content": _ANSWER}])
        _, found, behind = self._rendered(turns, opened=False).rpartition(_ANSWER)
        ids = self.tokenizer(behind.lstrip(), add_special_tokens=False)["input_ids"] if found and behind.strip() else []
        token = ids[0] if ids and ids[0] in self.tokenizer.all_special_ids else self._special(ids)
        if token is None:
            raise ValueError("the base model's tokenizer has no end of turn: neither its chat template nor eos_token gives one")
        return int(token)

    def _special(self, ids: Sequence[int]) -> int | None:
        added = self.tokenizer.added_tokens_decoder
        return ids[0] if ids and ids[0] in added else self.tokenizer.eos_token_id

    def texts(self, prompts: Sequence[Sequence[Message]], answers: Sequence[str]) -> tuple[list[str], list[str]]:
        """Prompts (turns) and answers as the texts that are tokenized, without the end of the turn."""
        texts = [self._rendered(self._with_system(turns), opened=True) for turns in prompts]
        return texts, [answer_behind(text, answer) for text, answer in zip(texts, answers, strict=True)]

    def rows(self, prompts: Sequence[Sequence[Message]], answers: Sequence[str]) -> list[Tokens]:
        """Tokens of prompts (turns) and answers, pair by pair."""
        texts, behind = self.texts(prompts, answers)
        prompt_ids = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        answer_ids = self.tokenizer(behind, add_special_tokens=False)["input_ids"]
        end = self.end_of_turn
        return [
            Tokens(prompt, [*answer, end], self._fault(turns, answer, end))
            for turns, prompt, answer in zip(prompts, prompt_ids, answer_ids, strict=True)
        ]

    def _fault(self, turns: Sequence[Message], answer: Sequence[int], end: int) -> str | None:
        """Why a row must not be trained on. What a person or model typed is text: where the tokenizer makes tokens of control
        of it, a turn ends, or another one begins, in the midst of a text."""
        if not answer:
            return NO_ANSWER
        if end in answer:
            return ENDS_A_TURN
        controls = self._controls
        typed = any(text in str(turn["content"]) for turn in turns for text in controls.values())
        return CONTROL_TOKEN if typed or not controls.keys().isdisjoint(answer) else None

    @cached_property
    def _controls(self) -> dict[int, str]:
        """The tokens of control by id; the tags of reasoning are none, which some tokenizers count among them."""
        added = self.tokenizer.added_tokens_decoder
        return {id_: token.content for id_, token in added.items() if token.special and token.content not in (OPEN, CLOSE)}

    def _with_system(self, turns: Sequence[Message]) -> list[Message]:
        said = [turn for turn in turns if turn["role"] != "system" or turn["content"]]
        if self.system is False or any(turn["role"] == "system" for turn in said):
            return said
        return [{"role": "system", "content": self.system}, *said]

    def _rendered(self, turns: Sequence[Message], *, opened: bool) -> str:
        import jinja2

        try:
            return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opened))
        except jinja2.TemplateError as error:
            advice = "; the recipe's `system = false` passes no system turn" if self.system is not False else ""
            raise ValueError(f"the base model's chat template refuses the turns: {error}{advice}") from None


def answer_behind(prompt: str, answer: str) -> str:
    """The answer without the opening tag that the prompt ends with already, as templates of reasoning models do."""
    answer = answer.lstrip()
    if prompt.rstrip().endswith(OPEN) and answer.startswith(OPEN):
        answer = answer.removeprefix(OPEN)
        return answer.removeprefix("\n") if prompt.endswith("\n") else answer
    return answer
