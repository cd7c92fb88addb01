"""A person reads rows in the viewer: headless Chromium against the real server, with texts in the lake that would do harm."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from resources.lake.at_work import StageLock
from tests.support.graph import ROOT, command
from tests.support.rows import problem
from tests.support.ui import browser_page, running_viewer
from tests.support.viewed import fill, hostile

ARTIFACTS = ROOT / "artifacts"
PROBLEMS, ANSWERS = 20, 6


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("viewer")
    fill(folder / "lake", PROBLEMS, ANSWERS, hostile("everywhere"))
    return folder


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with running_viewer(home) as found:
        yield found


@pytest.fixture
def page() -> Iterator[Page]:
    with browser_page(1600, 1400) as opened:
        yield opened


def test_what_others_wrote_is_read_and_never_run(address: str, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    page.goto(f"{address}/?problem={problem(0)['problem_id']}")
    page.get_by_text("side by side").first.wait_for()
    expect(page.locator("[data-testid=stCode]").filter(has_text="<script>window.harmed").first).to_be_visible(timeout=30_000)
    while page.evaluate(
        "(() => { const folded = [...document.querySelectorAll('details:not([open]) > summary')];"
        " folded.slice(0, 1).forEach(one => one.click()); return folded.length })()"
    ):
        page.wait_for_timeout(200)
    page.wait_for_timeout(2000)
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "viewer-hostile.png", full_page=True)
    shown = page.locator("[data-testid=stCode]").all_inner_texts()
    assert sum("<script>" in text for text in shown) >= 8, (
        "statement, starter code, reasons, reasoning, code and outputs are there to be read"
    )
    for path in ("", "versions", "progress"):
        if path:
            page.goto(f"{address}/{path}")
            page.wait_for_timeout(2500)
        assert page.evaluate("window.harmed === undefined"), f"a text was run on the page {path!r}"
        inside = "[data-testid=stMain]"
        assert page.locator(f"{inside} script, {inside} iframe, {inside} svg[onload], {inside} img").count() == 0
        assert page.locator("a[href^='javascript:']").count() == 0
    server = address.removeprefix("http://")
    elsewhere = [url for url in asked if not url.startswith((f"http://{server}/", f"ws://{server}/", "data:", "blob:"))]
    assert elsewhere == [], "nothing that a text names is fetched, and nobody is told"


@pytest.mark.long
def test_rows_are_filtered_paged_and_opened(address: str, page: Page) -> None:
    page.goto(address)
    expect(page.get_by_text(f"{PROBLEMS * ANSWERS:,} responses")).to_be_visible()
    page.get_by_role("button", name="next").click()
    expect(page.get_by_text("page 2")).to_be_visible()
    page.get_by_role("combobox", name="verdict").click()
    page.get_by_role("option", name="time_limit").click()
    expect(page.get_by_text(f"{PROBLEMS} responses")).to_be_visible()
    expect(page.get_by_text("page 1")).to_be_visible()
    grid = page.locator("[data-testid=stDataFrame]").first
    grid.click(position={"x": 18, "y": 18 + 35 * 2})
    expect(page.get_by_text("1 responses")).to_be_visible()
    assert "problem=prob_" in page.url
    page.get_by_role("button", name="all rows").click()
    expect(page.get_by_text(f"{PROBLEMS} responses")).to_be_visible()


@pytest.mark.long
def test_who_goes_back_before_a_problem_is_drawn_stays_with_the_rows(address: str, page: Page) -> None:
    page.goto(address)
    for row in (1, 2, 3):
        expect(page.get_by_text(f"{PROBLEMS * ANSWERS:,} responses")).to_be_visible()
        page.locator("[data-testid=stDataFrame]").first.click(position={"x": 18, "y": 18 + 35 * row})
        page.get_by_role("button", name="all rows").click()
        expect(page.get_by_text(f"{PROBLEMS * ANSWERS:,} responses")).to_be_visible()
        page.wait_for_timeout(1000)
        expect(page.get_by_text(f"{PROBLEMS * ANSWERS:,} responses")).to_be_visible()


@pytest.mark.long
def test_progress_of_who_asks_and_who_follows_is_one_page(address: str, home: Path, page: Page) -> None:
    journals = home / "lake" / "journal"
    with StageLock(journals, "r1_traces") as asker, StageLock(journals, "follow") as follower:
        asker.tell({"done": 120, "planned": 480, "unit": "responses", "doing": "asking"})
        follower.tell({"done": 96, "unit": "programs", "doing": "judging", "verdicts": {"accepted": 60, "wrong_answer": 36}})
        page.goto(f"{address}/progress")
        expect(page.get_by_text("r1_traces: 120 of 480 responses")).to_be_visible()
        expect(page.get_by_text("follow: 96 programs")).to_be_visible()
        asker.tell({"done": 481, "planned": 482, "unit": "responses", "doing": "asking"})
        expect(page.get_by_text("r1_traces: 481 of 482 responses")).to_be_visible()
    expect(page.get_by_text("Nothing is at work now.")).to_be_visible()


def test_it_listens_on_this_machine_only_and_says_where_there_is_no_lake(address: str, tmp_path: Path) -> None:
    port = int(address.rpartition(":")[2])
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"]
    assert f"0100007F:{port:04X}" in listening and f"00000000:{port:04X}" not in listening
    line, env = command("view", home=tmp_path)
    done = subprocess.run(line, env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "there is no lake in" in done.stderr and "Traceback" not in done.stderr
