"""This project's grader as one to be checked: ``grade.py`` over a sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ocr_assets.conformance.graders import Answer
from ocr_assets.grading.grade import grade
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.programs.suites import suite_from_json
from resources.sandbox.api import Sandbox


class OwnGrader:
    """Judges requests (``Case.request``) in ``sandbox``, as many at once as it has workers."""

    def __init__(self, sandbox: Sandbox, settings: GradingSettings | None = None) -> None:
        self._sandbox, self._settings = sandbox, settings or GradingSettings()

    def answers(self, requests: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        """One answer a request, in order."""
        return self._sandbox.map(self._judge, requests)

    def _judge(self, request: Mapping[str, Any]) -> Answer:
        solution = request["solution"]
        suite = suite_from_json(request["problem"])
        judged = self._sandbox.call(grade, solution["language"], solution["code"], suite, self._settings)
        return Answer(judged["verdict"], judged["message"], judged["first_failure"])
