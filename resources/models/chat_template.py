"""A model's chat template applied by us, the reasoning or a user's turn opened as asked: for raw completions and for vLLM in
process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resources.models.api import OPENING, Message, ModelUnavailable, ThinkMode
from resources.models.reasoning import OPEN

BY_THE_SERVER = "OCR_TEACHER_THINK=prefill, which leaves the template to the server"


def load_tokenizer(name: str, otherwise: str = BY_THE_SERVER) -> Any:
    """The tokenizer (and with it the chat template) of ``name``, a folder or a name on the Hub. ``otherwise``: what can be done
    without one.

    Raises ``ModelUnavailable`` with the remedy.
    """
    try:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(name)
    except (ImportError, OSError, ValueError) as error:
        raise ModelUnavailable(
            f"no tokenizer for {name} ({error}); set OCR_TEACHER_TOKENIZER to a folder with the model's tokenizer files "
            f"(pip install transformers), or {otherwise}"
        ) from error
    if not tokenizer.chat_template:
        raise ModelUnavailable(f"the tokenizer of {name} has no chat template; set OCR_TEACHER_TOKENIZER to one that has")
    return tokenizer


def render(tokenizer: Any, messages: Sequence[Message], mode: ThinkMode, *, empty_system: bool = False) -> tuple[str, ThinkMode]:
    """The text the model is to continue, and how its reasoning was really opened.

    ``none`` comes back for ``template`` where the template does not open it: the model then does so itself, or not at all.
    ``empty_system``: an empty system turn is passed on, as models trained with one need it: without, Qwen's template says
    something of its own there.
    """
    turns = list(messages) if empty_system else spoken(messages)
    if mode == "prefill":
        text = tokenizer.apply_chat_template(
            [*turns, {"role": "assistant", "content": OPENING}], tokenize=False, continue_final_message=True
        )
        return str(text), "prefill"
    text = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    opened = text.rstrip().endswith(OPEN)
    if mode == "completion":
        return (text if opened else text + OPENING), "completion"
    return text, mode if opened else "none"


_HERE = "b7f0c2 the turn goes on here 2c0f7b"


def open_user_turn(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The text up to and with what the last message, a user's turn, has so far: the model is to continue it.

    Raises ``ModelUnavailable`` where the template changes what users say, so that there is no place to cut it open.
    """
    *before, last = spoken(messages)
    turns = [*before, {"role": "user", "content": last["content"] + _HERE}]
    text = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=False))
    opened, mark, _ = text.partition(_HERE)
    if not mark:
        raise ModelUnavailable(
            "the chat template changes what a user says, so a user's turn cannot be left open; set OCR_TEACHER_TOKENIZER to a "
            "folder with a template that does not"
        )
    return opened


def first_token_left_out(tokenizer: Any, text: str) -> str | None:
    """``text`` without the token that the tokenizer itself puts before every text (``<s>`` …); None: it puts none, or the text
    does not begin with it.

    Servers tokenize a raw prompt so, and not all of them can be told otherwise: with both, the model would see it twice.
    """
    first = tokenizer.bos_token
    if not first or not text.startswith(first) or tokenizer.encode("a")[0] != tokenizer.bos_token_id:
        return None
    return text.removeprefix(first)


def spoken(messages: Sequence[Message]) -> list[Message]:
    """The turns that say something: an empty system turn means none, and some templates stumble over it."""
    return [message for message in messages if message["content"] or message["role"] != "system"]
