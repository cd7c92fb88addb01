"""Token counts of triplets, what they add up to, and how length and success go together."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from resources.lake.tables import Table

BUDGETS = (4096, 8192, 12288, 16384, 24576, 32768)  # tokens that an answer may have: a column fit_… each
HISTOGRAM_BINS = 21
Level = Literal["easy", "medium", "hard", "unknown"]


class TokenCount(TypedDict):
    """Qwen tokens of one triplet's texts, and how its reasoning ends."""

    triplet_id: Annotated[str, "Hash of solution and suite"]
    question_tokens: Annotated[int, "Of the question"]
    reasoning_tokens: Annotated[int, "Of the reasoning"]
    solution_tokens: Annotated[int, "Of the code"]
    response_tokens: Annotated[int, "The whole response: reasoning between think tags, and answer"]
    repeated_share: Annotated[
        float | None,
        "Share of the reasoning that its end repeats: the longest end that is a text said three times or more in a row, of 200 "
        "characters at least; 0: it does not end so",
    ]
    repeated_period: Annotated[int | None, "Characters of what is repeated; null: nothing is"]
    counter: Annotated[str | None, "Version of our counting and hash of the vocabulary; rows of another one are counted anew"]


class TokenStatistic(TypedDict):
    """Distribution of token counts over one group of triplets."""

    grouping: Annotated[
        Literal[
            "all", "source", "language", "verdict", "difficulty", "teacher", "source × verdict", "language × verdict",
            "difficulty × verdict", "teacher × verdict", "every",
        ],
        "Columns grouped by; every: source, language, verdict, difficulty and teacher",
    ]  # fmt: skip
    value: Annotated[str, "Value of the grouping column, of several a JSON list; 'all' for all"]
    text: Annotated[Literal["question", "reasoning", "solution", "response"], "Which text was counted"]
    rows: Annotated[int, "Triplets in the group"]
    total: Annotated[int, "Sum of tokens"]
    mean: Annotated[float, "Mean tokens"]
    minimum: Annotated[int, "Fewest tokens"]
    p05: Annotated[float, "Quantile 0.05"]
    p25: Annotated[float, "Quantile 0.25"]
    p50: Annotated[float, "Median"]
    p75: Annotated[float, "Quantile 0.75"]
    p95: Annotated[float, "Quantile 0.95"]
    p99: Annotated[float, "Quantile 0.99"]
    maximum: Annotated[int, "Most tokens"]
    source: Annotated[str | None, "Platform; null: all"]
    language: Annotated[str | None, "python or cpp; null: all"]
    verdict: Annotated[str | None, "Verdict, or 'no verdict'; null: all"]
    difficulty: Annotated[Level | None, "By what the source says of the problem; null: all"]
    teacher: Annotated[str | None, "Model that answered; null: all"]
    truncated_share: Annotated[float | None, "Share of the responses that were cut off"]
    looped_share: Annotated[float | None, "Share of those whose reasoning ends in a loop: repeated_share above 0"]
    fit_4k: Annotated[float | None, "Share of the texts that have at most 4,096 tokens"]
    fit_8k: Annotated[float | None, "At most 8,192"]
    fit_12k: Annotated[float | None, "At most 12,288"]
    fit_16k: Annotated[float | None, "At most 16,384"]
    fit_24k: Annotated[float | None, "At most 24,576"]
    fit_32k: Annotated[float | None, "At most 32,768"]
    histogram: Annotated[
        list[int] | None, "Texts by length: the n-th number, from 0, counts lengths of n binary digits (0, 1, 2 to 3, 4 to 7 …)"
    ]


class LengthOutcome(TypedDict):
    """What became of responses whose reasoning has about one length, per difficulty."""

    difficulty: Annotated[Literal["easy", "medium", "hard", "unknown", "all"], "By what the source says of the problem"]
    from_tokens: Annotated[int, "Fewest tokens of reasoning"]
    to_tokens: Annotated[int | None, "Fewer than these; null: any number"]
    rows: Annotated[int, "Responses"]
    judged: Annotated[int, "Of them those that were judged: no fault of the sandbox, no suite that cannot judge"]
    accepted: Annotated[int, "Of those, accepted"]
    accepted_share: Annotated[float | None, "accepted / judged"]
    pass_rate: Annotated[float | None, "Mean share of tests that the judged ones pass"]
    truncated_share: Annotated[float, "Share of the responses that were cut off"]
    looped_share: Annotated[float, "Share of those whose reasoning ends in a loop"]


class Subset(TypedDict):
    """A named subset of the triplets, with its statistics: the first rows of its family's order."""

    subset: Annotated[str, "Its name: that of the family, with a size if it is not all of it (scale_25k)"]
    family: Annotated[str, "The definition that it belongs to"]
    title: Annotated[str, "For people"]
    definition: Annotated[str, "JSON of the family's definition, seed among it"]
    query: Annotated[str, "SELECT of its triplet_id, which gives the same rows on any copy of the lake"]
    snapshot: Annotated[int, "Version of the lake that it was drawn from"]
    asked_rows: Annotated[int | None, "Rows it asks for; null: all of the family"]
    rows: Annotated[int, "Rows it has: those of subset_rows whose position is smaller"]
    data_version: Annotated[str, "Hash of its triplet ids: equal rows, equal version"]
    problems: Annotated[int, "Problems"]
    python_share: Annotated[float | None, "Share of its rows in Python"]
    judged: Annotated[int, "Rows that were judged: no fault of the sandbox, no suite that cannot judge"]
    accepted_share: Annotated[float | None, "Share of the judged rows that are accepted"]
    pass_rate: Annotated[float | None, "Mean share of tests that the judged rows pass"]
    trusted_share: Annotated[float | None, "Share of rows whose verdict can be trusted"]
    easy_share: Annotated[float | None, "Share of rows of easy problems, by what the source says"]
    medium_share: Annotated[float | None, "The same of medium ones"]
    hard_share: Annotated[float | None, "The same of hard ones"]
    tokens: Annotated[int, "Qwen tokens of questions and responses together"]
    median_response_tokens: Annotated[int | None, "Of the responses"]
    p95_response_tokens: Annotated[int | None, "Quantile 0.95"]
    truncated_share: Annotated[float | None, "Share of responses that were cut off"]
    looped_share: Annotated[float | None, "Share of those whose reasoning ends in a loop"]
    sources: Annotated[str, "JSON: source → rows"]


class SubsetRow(TypedDict):
    """A triplet's place in the order of a family of subsets."""

    family: Annotated[str, "The family"]
    triplet_id: Annotated[str, "The triplet"]
    position: Annotated[int, "From 0; a subset of n rows holds those below n"]


TOKEN_COUNTS = Table(
    "token_counts", TokenCount, ("triplet_id",), "Tokens of each triplet, and whether its reasoning ends in a loop."
)


TOKEN_STATISTICS = Table("token_statistics", TokenStatistic, ("grouping", "value", "text"), "Token distributions.")


LENGTH_OUTCOMES = Table(
    "length_outcomes", LengthOutcome, ("difficulty", "from_tokens"), "Length of the reasoning against success, per difficulty."
)


SUBSETS = Table("subsets", Subset, ("subset",), "Named subsets of the triplets, nested within their family, with statistics.")


SUBSET_ROWS = Table("subset_rows", SubsetRow, ("family", "triplet_id"), "Which triplets each family of subsets holds, in order.")
