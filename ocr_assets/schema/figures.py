"""The numbers that several tables are watched by: what each is worked out from, and what it means when it is beyond its limit.

Limits are settings (``resources/settings/warnings.py``). Which rows a run may lose is watched of every table, by the platform.
"""

from __future__ import annotations

from resources.lake.tables import Figure

TRUNCATED = Figure(
    "truncated_share",
    "avg((finish_reason = 'length')::INT) FILTER (failure IS NULL)",
    "Answers that were cut off at max_tokens: they are paid for and hold no program; raise the limit of tokens",
    most="max_truncated",
)

SANDBOX_FAULTS = Figure(
    "sandbox_fault_share",
    "avg((verdict = 'sandbox_error')::INT)",
    "Programs that a sandbox failed to run: no verdict, and run again by the next refresh; see whether the engine is well",
    most="max_sandbox_faults",
)

ACCEPTANCE = Figure(
    "acceptance_rate",
    "avg((verdict = 'accepted')::INT) FILTER (verdict NOT IN ('ungradable', 'sandbox_error'))",
    "Programs that pass all tests, of those that were judged: where hardly any does, suites, prompts or parsing may be wrong",
    least="min_acceptance",
)

VERIFIED = Figure(
    "acceptance_rate",
    "avg((status = 'verified')::INT) FILTER (status <> 'sandbox_error')",
    "Solutions that pass their tests and whose tests find wrong programs, of those that were run",
    least="min_acceptance",
)

SELF_FAULTS = Figure(SANDBOX_FAULTS.name, "avg((status = 'sandbox_error')::INT)", SANDBOX_FAULTS.doc, most=SANDBOX_FAULTS.most)

UNDECIDED = Figure(
    "undecided_share",
    "avg((contamination = 'undecided')::INT)",
    "Problems whose contamination nobody has decided, which releases leave out: `ocr-assets decontaminate review` shows them",
    most="max_undecided",
)
