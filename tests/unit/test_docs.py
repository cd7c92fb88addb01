"""What docs/ promises: every citation in the code names a section that exists, every link leads somewhere."""

import functools
import re
from itertools import pairwise
from pathlib import Path

import pytest

from ocr_assets.definitions import build_definitions
from ocr_assets.schema import RELEASES, TABLES, describe
from resources.lake import LINEAGE_TABLES

ROOT = Path(__file__).resolve().parents[2]
CITATION = re.compile(
    r"(docs/)?\b([\w-]+\.md)(?:, ?((?:§[\d.]+|OCR-\d+|KC-\d+)(?:(?:,| and|, and) (?:§[\d.]+|OCR-\d+|KC-\d+))*))?"
)
SECTION = re.compile(r"§[\d.]*\d|OCR-\d+|KC-\d+")
PATH = re.compile(r"(?<![\w/.-])((?:ocr_assets|resources|sandbox_images|tests|docs)/[\w-][\w./-]+)")
MODULE = re.compile(r"`([\w-]+\.(?:py|md|sql|jinja|toml|json))`")
FOREIGN = {"sitecustomize.py", "conftest.py"}  # of whom we only speak
COMING: set[str] = set()
STEP = re.compile(r"\b(?:OCR|KodCode|OpenCodeReasoning),? (?:step \d|§)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def ours(*patterns: str) -> list[Path]:
    """Files of the repository by the patterns of their names; none of the answers of recorded models."""
    places = [ROOT, *(ROOT / name for name in ("ocr_assets", "resources", "sandbox_images", "tests", "docs"))]
    found = {
        path for place in places for pattern in patterns for path in place.glob(pattern if place == ROOT else f"**/{pattern}")
    }
    return sorted(path for path in found if path.is_file() and "responses" not in path.parts)


def prose(path: Path) -> str:
    """A document without its fenced blocks: what is in these is no link."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def wrong_citations(text: str) -> list[str]:
    """Citations of rule books that are not in docs/, or of sections that these do not have."""
    wrong = [f"{found}: cite docs/papers.md and a section" for found in STEP.findall(text)]
    for docs, name, sections in (match.groups() for match in CITATION.finditer(text)):
        if docs is None:
            if name in ("grading.md", "papers.md", "pipeline.md", "house.md", "sandbox.md"):
                wrong.append(f"{name}: cite docs/{name}")
            continue
        if not (ROOT / "docs" / name).is_file():
            wrong.append(f"docs/{name} does not exist")
            continue
        known = {heading.split(" ")[0] for heading in headings(ROOT / "docs" / name)}
        wrong += [f"docs/{name} has no section {section}" for section in SECTION.findall(sections or "") if section not in known]
    return wrong


def test_a_wrong_citation_is_found() -> None:
    assert wrong_citations("(KodCode, step 8)") == ["KodCode, step 8: cite docs/papers.md and a section"]
    assert wrong_citations("as pipeline.md says") and wrong_citations("(docs/nowhere.md)")
    assert wrong_citations("(docs/grading.md, §3, §99)") == ["docs/grading.md has no section §99"]
    assert wrong_citations("(docs/papers.md, OCR-3 and KC-77)") == ["docs/papers.md has no section KC-77"]
    assert wrong_citations("docs/grading.md, §3.1, and docs/papers.md, OCR-3 and KC-7.") == []


def test_citations_in_code_are_true() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {fault}"
        for path in ours("*.py", "*.sql", "*.toml", "*.jinja", "*.yaml", "Makefile", ".ci/*")
        if path != Path(__file__)
        for fault in wrong_citations(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_sections_of_the_conformance_cases_are_those_of_the_rule_book() -> None:
    known = {heading.split(" ")[0] for heading in headings(ROOT / "docs" / "grading.md")}
    cited = set()
    for path in (ROOT / "ocr_assets" / "conformance").rglob("*.*"):
        if path.suffix in (".py", ".jsonl"):
            cited |= set(re.findall(r"§[\d.]*\d", path.read_text(encoding="utf-8")))
    assert cited and cited <= known


def test_links_lead_somewhere() -> None:
    wrong = []
    for path in ours("*.md"):
        for target in LINK.findall(prose(path)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, place = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            if not there.exists():
                wrong.append(f"{path.relative_to(ROOT)}: {target}: no such file")
            elif place and place not in {anchor(heading) for heading in headings(there)}:
                wrong.append(f"{path.relative_to(ROOT)}: {target}: no such heading")
    assert wrong == []


def test_the_page_of_tables_is_of_today() -> None:
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    assert page == describe.page(), "make it anew: make docs"


def test_the_page_of_tables_has_each_table_and_column_once() -> None:
    sections = re.split(r"^### ", describe.page(), flags=re.MULTILINE)[1:]
    named = {section.split("\n", 1)[0].strip("`"): section for section in sections}
    assert len(named) == len(sections)
    for table in (*TABLES, *LINEAGE_TABLES, *RELEASES):
        assert re.findall(r"^\| `(\w+)` \|", named[table.name], re.MULTILINE) == [column.name for column in table.columns]
    assert {"Test", "Limits", "TestVerdict"} <= named.keys(), "types inside columns are told too"


@functools.cache
def file_names() -> set[str]:
    return {path.name for path in ours("*.py", "*.md", "*.sql", "*.toml", "*.json", "*.jinja")} | FOREIGN


def dead_names(text: str, beside: Path) -> list[str]:
    """Paths of the repository that do not exist, and names of modules (in backquotes) that no folder of ours has."""
    names = file_names()
    paths = [path.rstrip("/.") for path in PATH.findall(text)]
    return [path for path in paths if not (ROOT / path).exists() and not (beside / path).exists()] + [
        name for name in MODULE.findall(text) if name not in names
    ]


def test_a_dead_name_is_found() -> None:
    assert dead_names("see ``ocr_assets/traces/nothing.py`` and `nothing.py`", ROOT) == [
        "ocr_assets/traces/nothing.py",
        "nothing.py",
    ]
    assert dead_names("see ``ocr_assets/generation/parse.py``, `parse.py` and ocr_assets/schema.", ROOT) == []


def test_files_named_in_code_and_documents_exist() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in ours("*.py", "*.md", "*.sql", "*.toml", "*.jinja", "*.c", "*.h", "Makefile")
        if path != Path(__file__) and path.name != "CHANGELOG.md"
        for name in dead_names(path.read_text(encoding="utf-8"), path.parent)
    }
    assert wrong == set()


def reachable(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which node can be reached from which."""
    closed = set(edges)
    while more := {(a, d) for a, b in closed for c, d in closed if b == c} - closed:
        closed |= more
    return closed


def test_the_graph_in_the_readme_is_the_graph() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    drawn = set()
    for line in re.search(r"```mermaid\n(.*?)```", readme, re.DOTALL)[1].splitlines():  # type: ignore[index]
        nodes = [node.strip() for node in line.split("-->")]
        drawn |= set(pairwise(nodes))
    graph = build_definitions().resolve_asset_graph()
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    real = {
        (parent.to_user_string(), key.to_user_string())
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
    }
    assert drawn <= real
    assert reachable(drawn) == reachable(real)
    assert set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)) >= names, "each asset has a line in the table"


def test_the_profile_for_runs_on_a_cluster_is_one_that_dagster_takes() -> None:
    """The block of docs/operations.md, as Dagster reads it from dagster.yaml."""
    pytest.importorskip("dagster_ray")
    import yaml
    from dagster._core.launcher import RunLauncher
    from dagster._serdes import ConfigurableClassData

    (block,) = re.findall(r"```yaml\n(run_launcher:\n.*?)```", (ROOT / "docs/operations.md").read_text(), re.S)
    launcher = yaml.safe_load(block)["run_launcher"]
    found = ConfigurableClassData(launcher["module"], launcher["class"], yaml.safe_dump(launcher["config"])).rehydrate(
        as_type=RunLauncher
    )
    assert type(found).__name__ == "RayRunLauncher"
