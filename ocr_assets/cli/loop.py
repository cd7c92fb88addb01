"""``ocr-assets loop``: a toy project in which the whole loop (training, sampling, sandbox, pass@k) runs on a CPU in minutes.

The problems are ``ocr_assets/samples/loop.py``'s; the model is a Qwen2 of 0.7 million parameters, from scratch. It shows that
the parts are wired and that data quality matters, and says nothing of real models.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

SIZES = (400, 1200)
EPOCHS = 4
MIXES = [*(f"loop_{size}" for size in SIZES), "loop_shuffled"]
EVALUATED = ["untrained", *(f"mix:{mix}" for mix in MIXES)]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
# How to answer is the same in every prompt, and most of it: a model this small is told the question only, which comes last.
TEMPLATE = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content.split('```\n\n')[-1] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VOCABULARY = 480


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def loop(folder: Path) -> None:
    """Write the toy project into FOLDER: training rows, a benchmark, mixes, a model's shape.

    FOLDER/loop.env has the settings of a run over it. `make demo-loop` writes the project and runs the loop.
    """
    write(folder)
    click.echo(f"written: {folder}; settings in {folder / 'loop.env'}", err=True)


def write(folder: Path) -> dict[str, str]:
    """Write the project; returns the settings of a run over it."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    _write_release(folder / "rows")
    _write_benchmark(folder / "benchmarks" / "livecodebench")
    _write_mixes(folder / "mixes")
    _write_model(folder / "base", folder / "untrained")
    settings = {
        "OCR_HOME": str(folder / "home"),
        "OCR_BASE_MODEL": str(folder / "base"),
        "OCR_MIXES": str(folder / "mixes"),
        "OCR_EVALUATED": "transformers",
        "OCR_EVALUATED_MODELS": ",".join([f"untrained={folder / 'untrained'}", *EVALUATED[1:]]),
        "OCR_EVALUATION_BENCHMARKS": str(folder / "benchmarks"),
        "OCR_EVALUATION_SAMPLES": "1",
        "OCR_EVALUATION_MAX_TOKENS": "128",
    }
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    (folder / "loop.env").write_text(lines, encoding="utf-8")
    return settings


def _write_release(folder: Path) -> None:
    """Training rows in OpenCodeReasoning's columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ocr_assets.samples.loop import rows

    folder.mkdir(exist_ok=True)
    told = [
        {"id": name, "input": question, "output": answer, "source": "loop", "license": "CC-BY-4.0", "dataset": "loop",
         "split": "train", "difficulty": "easy"}
        for name, question, answer in rows(max(SIZES))
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(told), folder / "loop.parquet")


def _write_benchmark(folder: Path) -> None:
    """The compositions held out, in LiveCodeBench's columns."""
    from ocr_assets.samples.loop import compositions, tests

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "test.jsonl").open("w", encoding="utf-8") as file:
        for number, composition in enumerate(compositions()[1]):
            cases = [{"input": given, "output": wanted, "testtype": "stdin"} for given, wanted in tests(composition)]
            row = {
                "question_title": composition.name, "question_content": composition.question(number), "platform": "loop",
                "question_id": composition.name, "contest_id": "loop", "contest_date": None, "starter_code": "",
                "difficulty": composition.reduce.words, "public_test_cases": json.dumps(cases[:1]),
                "private_test_cases": json.dumps(cases[1:]), "metadata": "{}",
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")


def _write_mixes(folder: Path) -> None:
    """The same rows in two sizes, and as a control with the answers of others."""
    folder.mkdir(exist_ok=True)

    def mix(name: str, rows: int, title: str, more: str = "") -> None:
        (folder / f"{name}.toml").write_text(
            f'title = "{title}"\nexperiments = ["loop"]\nrecipe = "small"\nseed = 1\n{more}\n'
            f'[[from]]\nrelease = "{folder.parent / "rows"}"\nrows = {rows}\n\n'
            # Two or three rows a step: a model this small learns to compose from many small steps.
            f"[change]\nepochs = {EPOCHS}\nbatch = 1\nmax_length = 256\nsave_steps = 2000\ntrl = {{adam_beta2 = 0.95}}\n",
            encoding="utf-8",
        )

    for size in SIZES:
        mix(f"loop_{size}", size, f"{size} toy rows")
    mix("loop_shuffled", max(SIZES), "Toy rows with the answers of others", "shuffle_answers = true\n")


def _write_model(base: Path, untrained: Path) -> None:
    """Shape and tokenizer of the model, and random weights as what it was before any training."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer, tokenizer.decoder = by_bytes, decoders.ByteLevel()
    texts = list(_texts())
    # Only the bytes that occur: 256 of them would be half the vocabulary.
    alphabet = sorted({letter for text in set(texts) for piece, _ in by_bytes.pre_tokenize_str(text) for letter in piece})
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    untyped: Any = transformers
    fast = untyped.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = TEMPLATE
    config = untyped.Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=128, intermediate_size=384, num_hidden_layers=3, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=1024, tie_word_embeddings=True, eos_token_id=fast.eos_token_id,
        bos_token_id=None, pad_token_id=fast.pad_token_id,
    )  # fmt: skip
    for folder in (base, untrained):
        fast.save_pretrained(folder)
        config.save_pretrained(folder)
    torch.manual_seed(0)
    untyped.Qwen2ForCausalLM(config).save_pretrained(untrained)


def _texts() -> Iterable[str]:
    """What the tokenizer is made of: the questions and answers that the model will see."""
    from ocr_assets.samples.loop import rows

    for _, question, answer in rows(max(SIZES)):
        yield from (question, answer)
