"""Attacks on packing and on what is trained on it: kills at bad moments, another tokenizer, a home that moves."""

import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from ocr_assets.platform.lake import project_lake
from ocr_assets.training import finetuning, packing
from ocr_assets.training.assets import finetuned_model, packed_sft, training_mix
from ocr_assets.training.locks import locked
from tests.support.training import RECIPE, materialize, release, rows, tiny_base, write_mix

PACKING = (training_mix, packed_sft)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def home(tmp_path: Path, base: Path) -> Path:
    """A home in which a mix is packed."""
    release(tmp_path / "home", rows(24))
    write_mix(tmp_path / "home" / "mixes", "all")
    materialize(tmp_path / "home", base, *PACKING)
    return tmp_path / "home"


def state(home: Path) -> dict[str, Any]:
    with project_lake(home / "lake") as lake:
        return lake.rows("SELECT * FROM packed_mixes")[0]


@pytest.mark.long
def test_killed_before_the_lake_knows_new_bins_the_old_ones_lie_where_it_says(
    home: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a model would be trained on new bins under the version of the old ones."""
    before = state(home)
    bins = pq.read_table(before["folder"]).to_pylist()
    write_mix(home / "mixes", "all", recipe=RECIPE.replace("1024", "768"))

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(packing, "_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            materialize(home, base, *PACKING)
    assert state(home) == before and pq.read_table(before["folder"]).to_pylist() == bins
    materialize(home, base, *PACKING)
    after = state(home)
    assert after["max_length"] == 768 and pq.read_table(after["folder"]).num_rows == after["bins"] != before["bins"]
    assert [path.name for path in (home / "training" / "packed" / "all").iterdir()] == [Path(after["folder"]).name]
    assert not list((home / "training" / "tokens").iterdir()), "tokens of the killed run are gone too"


@pytest.mark.long
def test_who_packs_a_mix_is_alone_with_it(home: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, alone = packing.write_packed, list[Path]()

    def writes(folder: Path, *values: Any) -> str:
        with pytest.raises(BlockingIOError), locked(home / "training" / "packed" / "all.lock"):
            pass
        alone.append(folder)
        return write(folder, *values)

    monkeypatch.setattr(packing, "write_packed", writes)
    shutil.rmtree(state(home)["folder"])
    materialize(home, base, *PACKING)
    assert len(alone) == 1


@pytest.mark.long
@pytest.mark.parametrize("changed", ["tokenizer", "limit"])
def test_nothing_is_trained_on_bins_of_another_tokenizer_or_limit(
    home: Path, base: Path, tmp_path: Path, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetuning, "train", None)
    other = base
    if changed == "tokenizer":
        other = shutil.copytree(base, tmp_path / "other")
        tokenizer = other / "tokenizer.json"
        tokenizer.write_text(tokenizer.read_text().replace('"<think>"', '"<thonk>"'))
    else:
        write_mix(home / "mixes", "all", recipe=RECIPE.replace("1024", "768"))
    with pytest.raises(dg.Failure, match="materialize packed_sft first"):
        materialize(home, other, finetuned_model)


@pytest.mark.long
def test_a_home_that_moved_has_its_models_still(home: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    materialize(home, base, finetuned_model)
    moved = home.rename(tmp_path / "moved")
    monkeypatch.setattr(finetuning, "train", None)
    materialize(moved, base)
    with project_lake(moved / "lake") as lake:
        (model,) = lake.rows("SELECT * FROM finetuned_model")
    assert Path(model["folder"]).is_relative_to(moved) and (Path(model["folder"]) / "model.safetensors").is_file()
    assert sorted(path.name for path in Path(model["folder"]).parent.iterdir() if path.is_dir()) == ["model"], "no cache is left"
