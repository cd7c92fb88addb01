"""Token counts and their distributions."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from resources.lake.tables import Table


class TokenCount(TypedDict):
    """Qwen tokens of one triplet's texts."""

    triplet_id: Annotated[str, "Hash of solution and suite"]
    question_tokens: Annotated[int, "Of the question"]
    reasoning_tokens: Annotated[int, "Of the reasoning"]
    solution_tokens: Annotated[int, "Of the code"]
    response_tokens: Annotated[int, "The whole response"]


class TokenStatistic(TypedDict):
    """Distribution of token counts over one group of triplets."""

    grouping: Annotated[Literal["all", "source", "language", "verdict"], "Column grouped by"]
    value: Annotated[str, "Value of the grouping column; 'all' for all"]
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


TOKEN_COUNTS = Table("token_counts", TokenCount, ("triplet_id",), "Tokens of each triplet.")


TOKEN_STATISTICS = Table("token_statistics", TokenStatistic, ("grouping", "value", "text"), "Token distributions.")
