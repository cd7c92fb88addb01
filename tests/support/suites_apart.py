"""Verdicts on programs before suites that run in a process of their own, for the tests of what crosses and of cheats."""

from ocr_assets.grading.grade import Graded, grade
from ocr_assets.programs.suites import suite_from_json
from resources.sandbox.docker_pool import DockerSandbox

IMPORT = "from solution import *\nimport pytest\n"


def judged(sandbox: DockerSandbox, code: str, test: str, kind: str = "pytest", wall_s: float = 30, cpu_s: float = 3) -> Graded:
    limits = {"cpu_s": cpu_s, "wall_s": wall_s, "memory_mb": 512}
    return grade(sandbox, "python", code, suite_from_json({"tests": [{"kind": kind, "code": test}], "limits": limits}))
