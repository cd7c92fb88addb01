"""What a model may be asked, use and cost in all. Holding to it is the request loop's matter."""

from __future__ import annotations

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(frozen=True)
class Budget:
    """The most that may be asked, used and paid in all, over every run; None: no bound. Prices in US dollars a million tokens.

    Raises ``ValueError`` for ``max_cost`` without a price: what cannot be reckoned cannot be bounded.
    """

    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    prompt_price: float = 0.0
    completion_price: float = 0.0

    def __post_init__(self) -> None:
        if self.max_cost is not None and not self.completion_price:
            raise ValueError("max_cost needs prompt_price and completion_price in US dollars a million tokens")

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """By our prices; None if none are set."""
        if not self.prompt_price and not self.completion_price:
            return None
        return (prompt_tokens * self.prompt_price + completion_tokens * self.completion_price) / MILLION
