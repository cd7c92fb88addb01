"""What the recipes of CONTRIBUTING.md ask for in several places agrees: a step that was forgotten fails here."""

from pathlib import Path
from typing import get_args

import pytest

from ocr_assets import samples
from ocr_assets.definitions import ASSETS
from ocr_assets.generation import prompts
from ocr_assets.problems.sources import READERS
from ocr_assets.schema import RELEASES, TABLES, Dataset
from resources.settings import BUNDLED, SourcesResource

DATASETS = get_args(Dataset)


def test_each_source_has_a_reader_and_a_setting() -> None:
    assert set(READERS) == set(DATASETS) == set(SourcesResource.model_fields) - {"benchmarks"}


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_source_that_is_bundled_by_default_has_rows(dataset: str) -> None:
    if getattr(SourcesResource(), dataset) == BUNDLED:
        assert any((samples.SOURCES / dataset).iterdir())


@pytest.mark.parametrize("dataset", DATASETS)
def test_programs_of_any_other_source_are_not_ours_to_trust(dataset: str, tmp_path: Path) -> None:
    assert SourcesResource().only_bundled
    assert SourcesResource(**{dataset: " "}).only_bundled, "a blank is no source"
    assert not SourcesResource(**{dataset: str(tmp_path)}).only_bundled
    assert not SourcesResource(**{dataset: "hub"}).only_bundled


def test_each_asset_is_a_declared_table_or_release() -> None:
    assert {asset.key.to_user_string() for asset in ASSETS} <= {table.name for table in (*TABLES, *RELEASES)}


def test_each_prompt_has_a_file_and_its_variables() -> None:
    folder = Path(str(prompts.__file__)).parent / "templates"
    assert {path.stem for path in folder.glob("*.jinja")} == set(prompts.VARIABLES)
