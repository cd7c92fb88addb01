"""What a verdict says where responses are compared: that a solution is right, that it is not, or nothing."""

from __future__ import annotations

# Over t (``verified_triplets``): correct, incorrect, or null where the verdict may be wrong or where there is none.
OUTCOME = """CASE WHEN NOT t.trusted THEN NULL WHEN t.verdict = 'accepted' THEN 'correct'
    WHEN t.verdict IN ('wrong_answer', 'time_limit', 'idle_limit', 'memory_limit', 'output_limit', 'runtime_error',
                       'compile_error') THEN 'incorrect' END"""

__all__ = ["OUTCOME"]
