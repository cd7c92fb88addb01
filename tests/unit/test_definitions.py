"""The graph as a whole: its shape, its checks, its settings; and that the code server starts light."""

import subprocess
import sys

import dagster as dg
import pytest

from ocr_assets.definitions import ASSETS, build_definitions
from ocr_assets.generation.sampling import Fixed, UntilPassing
from ocr_assets.platform.assets import CHECK
from ocr_assets.traces.settings import TraceSettings
from resources.settings import LakeResource, TeacherResource, resources_from_environment
from tests.support.graph_specs import SNAPSHOT, described


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    assert described() == SNAPSHOT.read_text(encoding="utf-8"), (
        "the graph changed: if that is meant, `python -m tests.support.graph_specs` writes it down for the review"
    )


def test_every_asset_is_described_and_checked() -> None:
    for asset in ASSETS:
        (spec,) = asset.specs
        assert spec.description
        assert isinstance(spec.metadata["dagster/column_schema"], dg.TableSchema)
        assert [check.name for check in asset.check_specs if check.blocking] == [CHECK]


def test_more_samples_until_some_pass_are_a_job_of_their_own() -> None:
    """In the graph traces do not depend on verdicts; the job that reads them says so and goes on to the release."""
    definitions = build_definitions()
    job = definitions.resolve_job_def("sample_until_passing")
    selected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    followed = {"solutions", "verdicts", "verified_triplets", "token_statistics", "subsets", "sft_dataset"}
    assert selected == {"r1_traces"} | followed
    assert job.run_config == {"ops": {"r1_traces": {"config": {"until_passing": 1}}}}
    assert job.description is not None and "reads solutions and verdicts" in job.description
    assert TraceSettings().policies() == {"python": Fixed(6), "cpp": Fixed(2)}, "elsewhere no policy looks at verdicts"
    assert TraceSettings(until_passing=1).policies()["python"] == UntilPassing(1, 10, 6, 1)


def test_sources_are_the_partitions() -> None:
    graph = build_definitions().resolve_asset_graph()
    partitions = graph.get(dg.AssetKey("raw_problems")).partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys() == ["taco", "apps", "code_contests", "codeforces", "local", "published"]


def test_settings_come_from_the_environment_and_wrong_ones_are_named() -> None:
    found = resources_from_environment({"OCR_HOME": "/somewhere", "OCR_TEACHER": "endpoint", "OCR_TEACHER_CONCURRENCY": "7"})
    assert isinstance(found["lake"], LakeResource) and found["lake"].home == "/somewhere"
    assert isinstance(found["teacher"], TeacherResource) and found["teacher"].concurrency == 7
    with pytest.raises(ValueError, match=r"wrong setting: OCR_TEACHER='magic'"):
        resources_from_environment({"OCR_TEACHER": "magic"})
    with pytest.raises(ValueError, match="OCR_TEACHER_CONCURRENCY='0'"):
        resources_from_environment({"OCR_TEACHER_CONCURRENCY": "0"})


@pytest.mark.slow
def test_loading_the_graph_imports_nothing_heavy() -> None:
    script = (
        "import sys, ocr_assets.definitions\n"
        "heavy = {'torch', 'vllm', 'sentence_transformers', 'transformers', 'datasets', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_overrides_replace_resources_by_name() -> None:
    mine = LakeResource(home="/elsewhere")
    assert (build_definitions(lake=mine).resources or {})["lake"] is mine
