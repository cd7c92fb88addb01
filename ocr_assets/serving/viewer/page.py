"""The viewer's pages: rows by filter, a problem with its responses, versions, progress. Run by Streamlit (``serve.py``), anew for
each click.

What comes from sources, models and programs is untrusted. It is shown as plain text (``plain``), as highlighted code or in cells
of a table, and never as Markdown or HTML: nothing in it is run, and nothing that it names is fetched. Headings and labels are
ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import streamlit as st

from ocr_assets.platform.visible import visible
from ocr_assets.serving.viewer import queries
from ocr_assets.serving.viewer.queries import Filter, Key, Row, Versions
from resources.lake.at_work import Journals, progress
from resources.lake.reading import NoLake, ReadOnlyLake
from resources.settings import LakeResource, from_environment

# Columns of a response that say how it was made.
_SAID = ("model", "served_model", "teacher", "template", "sample_index", "finish_reason", "created_at", "cost", "parse_status")
ROWS = 50  # on a page
SIDE_BY_SIDE = 4
EXCERPT = 60_000  # characters of a text that are shown
MARKS = {"accepted": "✓ accepted", None: "— no verdict", "sandbox_error": "? sandbox_error", "ungradable": "? ungradable"}


@st.cache_resource
def opened(home: str, catalog: str | None, data_path: str | None, memory_limit: str) -> ReadOnlyLake:
    """The lake, for all sessions."""
    return ReadOnlyLake(Path(home), catalog, data_path, memory_limit)


@st.cache_data(max_entries=4, show_spinner=False)
def choices(_lake: ReadOnlyLake, state: str) -> dict[str, list[str]]:
    """What can be chosen, as long as the lake is in this state."""
    return queries.choices(_lake)


@st.cache_data(max_entries=64, show_spinner=False)
def counted(_lake: ReadOnlyLake, state: str, chosen: Filter) -> int:
    """How many rows the filter lets through, as long as the lake is in this state."""
    return queries.count(_lake, chosen)


def plain(text: str | None, language: str | None = None, height: int | None = None) -> None:
    """Untrusted text, to be read and nothing else."""
    text = visible(text or "")
    cut = "" if len(text) <= EXCERPT else f"\n… {len(text) - EXCERPT:,} more characters"
    st.code(text[:EXCERPT] + cut, language=language, wrap_lines=language is None, height=height or "content")


def table(rows: Sequence[Mapping[str, Any]], **options: Any) -> Any:
    """Rows as a table; its cells are text."""
    shown = [{name: visible(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]
    return st.dataframe(shown, hide_index=True, width="stretch", **options)


def mark(verdict: str | None) -> str:
    """A verdict as a label. Verdicts are a closed set of ours."""
    return MARKS.get(verdict, f"✗ {verdict}")


def rows_page(lake: ReadOnlyLake) -> None:
    """Rows by filter; a chosen one opens its problem."""
    state = queries.state(lake)
    chosen = filter_of_sidebar(lake, state)
    if name := st.query_params.get("problem", ""):
        problem_page(lake, name, chosen)
        return
    if st.session_state.get("chosen") != chosen:
        st.session_state["chosen"], st.session_state["pages"] = chosen, [Key()]
    keys: list[Key] = st.session_state["pages"]  # where each page so far begins
    st.subheader(f"{counted(lake, state, chosen):,} responses")
    rows = queries.page(lake, chosen, ROWS + 1, after=keys[-1])
    more, rows = len(rows) > ROWS, rows[:ROWS]
    order = ("verdict", "trusted", "dataset", "source", "difficulty", "language", "response_tokens", "reason", "problem_id")
    picked = table(
        rows,
        column_order=order,
        on_select="rerun",
        selection_mode="single-row",
        # A new table after each opened problem: a quick "all rows" would find the selection still there, and open it again.
        key=f"rows-{len(keys)}-{hash(chosen)}-{st.session_state.get('opened', 0)}",
        height=640,
    )
    st.caption("A click on the left of a row opens its problem, with all its responses that the filter lets through.")
    back, forth, place = st.columns([1, 1, 6])
    if back.button("◀ back", disabled=len(keys) == 1):
        keys.pop()
        st.rerun()
    if forth.button("next ▶", disabled=not more):
        keys.append(Key(rows[-1]["problem_id"], rows[-1]["triplet_id"]))
        st.rerun()
    place.caption(f"page {len(keys)}")
    if picked.selection.rows and picked.selection.rows[0] < len(rows):  # a run may have taken rows away since the click
        st.session_state["opened"] = st.session_state.get("opened", 0) + 1
        st.query_params["problem"] = rows[picked.selection.rows[0]]["problem_id"]
        st.rerun()


def filter_of_sidebar(lake: ReadOnlyLake, state: str) -> Filter:
    """What a person chose at the left."""
    known = choices(lake, state)
    bar = st.sidebar
    bar.header("Filter")
    wanted = tuple((column, tuple(bar.multiselect(column, known[column]))) for column in ("dataset", "source", "verdict"))
    reason = bar.text_input("reason contains")
    wanted += tuple((column, tuple(bar.multiselect(column, known[column]))) for column in ("difficulty", "language"))
    trusted = bar.selectbox("trusted", [None, True, False], format_func=lambda value: "any" if value is None else str(value))
    fewest, most = bar.columns(2)
    low = fewest.number_input("tokens from", min_value=0, value=0, step=1000)
    high = most.number_input("to (0: any)", min_value=0, value=0, step=1000)
    versions = queries.releases(lake)
    released = bar.selectbox(
        "release",
        [None, *versions],
        format_func=lambda row: "any" if row is None else f"{row['release']}, version {row['number']}",
    )
    name = bar.text_input("id or place of a row", help="prob_…, resp_…, trip_… or taco/train/5")
    if name and (found := queries.problem_of(lake, name.strip())):
        bar.button("open its problem", on_click=lambda: st.query_params.update({"problem": found}))
    elif name:
        bar.caption("no problem has it")
    return Filter(
        wanted,
        reason,
        (int(low), int(high) or 10**9) if low or high else None,
        trusted,
        released["release"] if released else "",
        released["number"] if released else None,
    )


def problem_page(lake: ReadOnlyLake, name: str, chosen: Filter) -> None:
    """A problem and its responses side by side."""
    st.button("◀ all rows", on_click=st.query_params.clear)
    problem_id = queries.problem_of(lake, name)
    problem = queries.problem(lake, problem_id) if problem_id else None
    if problem is None:
        st.warning("There is no such problem in the lake now.")
        return
    st.subheader("Problem")
    facts = ("problem_id", "title", "dataset", "origins", "source", "difficulty", "tags", "license", "contamination", "url")
    table([{name: _text(problem[name]) for name in facts}])
    plain(problem["statement"], height=320)
    if problem["starter_code"]:
        plain(problem["starter_code"], "python")
    suite = queries.suite(lake, problem["suite_id"])
    with st.expander(f"Tests: {len(suite)}, suite {problem['suite_status'] or 'not validated'}"):
        plain(problem["suite_reason"] or "")
        table(suite)
    votes = queries.votes(lake, problem["problem_id"])
    with st.expander(f"Likeness to benchmarks: {len(votes)} votes and measurements"):
        table([{name: _text(value) for name, value in row.items()} for row in votes])
    found = queries.responses(lake, problem["problem_id"], chosen)
    st.subheader(f"{len(found)} responses")
    labels = [f"{i + 1}: {row['language']}, {row['verdict'] or 'no verdict'}" for i, row in enumerate(found)]
    shown = st.multiselect(
        "side by side", labels, labels[:SIDE_BY_SIDE], max_selections=6, key=f"shown-{problem_id}-{hash(chosen)}"
    )
    picked = [found[labels.index(label)] for label in shown]
    if not picked:
        return
    for place, label, response in zip(st.columns(len(picked)), shown, picked, strict=True):
        with place:
            response_column(lake, label, response, suite)


def response_column(lake: ReadOnlyLake, label: str, response: Row, suite: Sequence[Row]) -> None:
    """One response: its label, reasoning (folded), code, tests, where it comes from."""
    said = queries.texts(lake, response)
    st.markdown(f"**{label.split(':')[0]}: {response['language']} · {mark(response['verdict'])}**")
    trusted = "trusted" if response["trusted"] else "not trusted"
    passed = f"{response['tests_passed'] or 0} of {response['tests_total']} tests"
    st.caption(f"{trusted} · {passed} · {response['response_tokens'] or 0:,} tokens")
    plain(response["reason"])
    with st.expander(f"Reasoning, {len(said.get('reasoning') or ''):,} characters"):
        plain(said.get("reasoning"), height=480)
    if said.get("code"):
        plain(said["code"], said_language(response["language"]), height=420)
    else:
        plain(said.get("content"), height=420)
    with st.expander("Answer, whole"):
        plain(said.get("answer") or said.get("content"))
    tests = list(queries.tests(suite, said.get("found")))
    failed = next((test for test in tests if test["verdict"] not in ("accepted", "not run")), None)
    if failed:
        st.caption(f"first failure: test {failed['test']}, {failed['verdict']}")
        for name in ("input", "expected", "got"):
            st.caption(name)
            plain(failed[name], height=110)
    with st.expander(f"Each test: {sum(test['verdict'] == 'accepted' for test in tests)} accepted of {len(tests)}"):
        table(tests)
    with st.expander("How it was made and judged"):
        facts = {**{name: said.get(name) for name in _SAID}, **(said.get("found") or {})}
        facts.pop("tests", None)
        table([{"": name, "value": _text(value)} for name, value in facts.items()])
    with st.expander("Where it comes from"):
        table(queries.lineage(lake, response["triplet_id"]))


def said_language(language: str) -> str:
    """The name by which code of a language is highlighted."""
    return "cpp" if language == "cpp" else "python"


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def versions_page(lake: ReadOnlyLake) -> None:
    """What differs between two versions of a release, or of the table of triplets."""
    st.subheader("Two versions")
    released = queries.releases(lake)
    names = list(dict.fromkeys(row["release"] for row in released))
    name = st.selectbox("of", ["verified_triplets", *names])
    if name == "verified_triplets":
        known = {
            f"{row['created_at']:%Y-%m-%d %H:%M:%S}, {row['rows']:,} rows": row["snapshot"]
            for row in queries.table_versions(lake)
        }
    else:
        known = {f"version {row['number']}, {row['rows']:,} rows": row["number"] for row in released if row["release"] == name}
    labels = list(known)
    if len(labels) < 2:
        st.info("There is one version only.")
        return
    left, right = st.columns(2)
    older = left.selectbox("from", labels[1:] + labels[:1])
    newer = right.selectbox("to", labels)
    versions = Versions(known[older], known[newer], "" if name == "verified_triplets" else name)
    numbers = queries.changes(lake, versions)
    for place, (change, rows) in zip(st.columns(3), numbers.items(), strict=True):
        place.metric(change, f"{rows:,}")
    for change in ("added", "removed", "changed"):
        if numbers[change]:
            with st.expander(f"{change}: {numbers[change]:,} rows", expanded=change == "changed"):
                changed_rows(lake, versions, change)


def changed_rows(lake: ReadOnlyLake, versions: Versions, change: Any) -> None:
    """A page of the rows that changed in one way, and on to the next."""
    key = f"after-{versions}-{change}"
    after = st.session_state.get(key, "")
    rows = queries.changed(lake, versions, change, ROWS + 1, after)
    table(rows[:ROWS])
    if len(rows) > ROWS and st.button("next ▶", key=f"next-{key}"):
        st.session_state[key] = rows[ROWS - 1]["id"]
        st.rerun()


def progress_page(journals: Journals) -> None:
    """What works on this lake now, and how far it is: the run that asks, the job that follows it, whatever else."""
    st.subheader("At work")

    @st.fragment(run_every=2.0)
    def shown() -> None:
        stages = list(progress(journals))
        working = [stage for stage in stages if stage["working"]]
        if not working:
            st.info("Nothing is at work now.")
        for stage in working:
            progress_of_stage(stage)
        if ended := [stage for stage in stages if not stage["working"]]:
            st.caption("Ended, the last first")
            table([{name: _text(value) for name, value in stage.items()} for stage in ended])

    shown()


def progress_of_stage(stage: Mapping[str, Any]) -> None:
    """A stage at work: a bar where it is known how much there is to do, and its numbers."""
    done, planned = stage.get("done") or 0, stage.get("planned")
    of = f"{done:,} of {planned:,}" if planned else f"{done:,}"
    st.caption(f"{stage['stage']}: {of} {stage.get('unit', 'rows')}")
    if planned:
        st.progress(min(1.0, done / planned))
    left_out = ("stage", "done", "planned", "unit", "working", "process", "judged_up_to")
    table([{name: _text(value) for name, value in stage.items() if name not in left_out}])


def main() -> None:
    """The pages, over the lake that the settings name."""
    st.set_page_config("ocr-assets", layout="wide")
    place = from_environment(LakeResource)

    def page(show: Callable[[ReadOnlyLake], None]) -> Callable[[], None]:
        def shown() -> None:
            try:
                show(opened(str(place.root / "lake"), place.catalog, place.data_path, place.memory_limit))
            except NoLake as error:
                plain(str(error))
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                st.warning("Other code wrote this lake: a run of this version brings it up to date.")
                plain(str(error))
            except duckdb.Error as error:  # a catalog that is busy for long, files that upkeep removed
                st.warning("The lake did not answer just now; load the page again.")
                plain(str(error))

        shown.__name__ = show.__name__
        return shown

    st.navigation(
        [
            st.Page(page(rows_page), title="Rows", url_path="rows", default=True),
            st.Page(page(versions_page), title="Versions", url_path="versions"),
            st.Page(lambda: progress_page(place.journals), title="Progress", url_path="progress"),
        ]
    ).run()


main()
