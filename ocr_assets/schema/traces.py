"""What a model was asked and answered, and the answer taken apart."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.figures import TRUNCATED
from ocr_assets.schema.problems import Language
from resources.lake.tables import Table
from resources.models.reasoning import ThinkForm

ParseStatus = Literal["ok", "no_think_close", "truncated", "no_fence", "empty"]


FenceRule = Literal["only", "defines_entry", "stands_alone", "last_parsing", "last"]


class Response(TypedDict):
    """One answer of the teacher, raw, or the labelled permanent failure to get one."""

    response_id: Annotated[str, "Hash of what was asked: problem, prompt, model, sampling, sample index"]
    problem_id: Annotated[str, "The problem"]
    language: Annotated[Language, "python or cpp"]
    sample_index: Annotated[int, "Which of the samples, from 0; of a published answer, its row"]
    template: Annotated[str, "Prompt template's name"]
    template_hash: Annotated[str, "Hash of the template's text"]
    prompt_hash: Annotated[str, "Hash of the rendered messages; they stand in the table prompts, but for published answers"]
    model: Annotated[str, "Model asked for"]
    served_model: Annotated[str | None, "Model as the server reports it"]
    revision: Annotated[str | None, "Build or weights behind that name, as the server reports them"]
    teacher: Annotated[str, "recorded, endpoint, vllm, or published: others asked"]
    endpoint: Annotated[str | None, "Who answered"]
    think_mode: Annotated[str, "How <think> was opened: template, prefill, completion, none; unknown of a published answer"]
    think_form: Annotated[ThinkForm, "How the reasoning arrived: apart, both_tags, closing_tag, unclosed, none"]
    sampling: Annotated[str, "JSON of temperature, top_p, max_tokens; {} of a published answer: not known"]
    seed: Annotated[int | None, "Sent with the request"]
    content: Annotated[str, "Text as it came"]
    reasoning: Annotated[str | None, "reasoning_content, where the server sends it apart"]
    finish_reason: Annotated[str | None, "stop, length …"]
    prompt_tokens: Annotated[int | None, "See tokens_from"]
    completion_tokens: Annotated[int | None, "See tokens_from"]
    tokens_from: Annotated[Literal["server", "counted"], "server: as it counts; counted: Qwen tokens of the texts"]
    cost: Annotated[float | None, "US dollars: as the server says, else by the prices set; null: none are"]
    latency_s: Annotated[float | None, "From asking to answer, seconds, of the try that was answered"]
    attempts: Annotated[int, "Tries until the answer; 0: others asked"]
    failure: Annotated[
        str | None, "null: answered; else context_too_long, refused, bad_request, malformed: not asked again by itself"
    ]
    created_at: Annotated[datetime, "When (UTC)"]
    message: Annotated[str | None, "failure: what the server said, for malformed the beginning of what it sent"]
    license: Annotated[str | None, "Licence under which the answer was published; null: it was asked for here"]
    origin: Annotated[str | None, "Where a published answer was read: dataset@address: file#row; null: it was asked for here"]


class Prompt(TypedDict):
    """A prompt as it was sent, once, however many responses it brought."""

    prompt_hash: Annotated[str, "Hash of the rendered messages"]
    template: Annotated[str, "Prompt template's name"]
    template_hash: Annotated[str, "Hash of the template's text"]
    messages: Annotated[str, "JSON list of the turns: role, content"]


class Solution(TypedDict):
    """A response taken apart: reasoning, answer, code."""

    solution_id: Annotated[str, "The solution"]
    response_id: Annotated[str, "The response"]
    problem_id: Annotated[str, "The problem"]
    language: Annotated[Language, "python or cpp"]
    parse_status: Annotated[ParseStatus, "ok, or why there is no code"]
    labels: Annotated[list[str], "code_in_reasoning, no_think_open, several_fences, truncated; sorted"]
    fence_rule: Annotated[FenceRule | None, "Which rule chose the code"]
    fences: Annotated[int, "Blocks of the asked language after the reasoning"]
    reasoning: Annotated[str | None, "The text inside <think>"]
    answer: Annotated[str | None, "The text after the reasoning"]
    code: Annotated[str | None, "Its text"]
    code_hash: Annotated[str | None, "Equal code, equal hash"]
    parses: Annotated[bool | None, "Tree-sitter finds no error; null: no code"]
    syntax_error: Annotated[str | None, "First error: line and text"]
    parser_version: Annotated[str, "Of our parser"]


R1_TRACES = Table("r1_traces", Response, ("response_id",), "The teacher's raw responses.", figures=(TRUNCATED,))


PROMPTS = Table("prompts", Prompt, ("prompt_hash", "template_hash"), "Prompts as they were sent.", known_by_id=True)


SOLUTIONS = Table("solutions", Solution, ("solution_id",), "Responses taken apart.")
