"""Lakes for tests: an empty one, copied from one made once a process, because creating all tables costs more than opening them;
and one that version 0.1.0 wrote.

``tests/data/lake_of_version_1.tar.xz`` is what `make demo` left under ``.ocr/lake`` at commit 9b62388, the last one before schema
version 2: the catalog (vacuumed) and the data files, without journals.
"""

import atexit
import functools
import shutil
import tarfile
import tempfile
from pathlib import Path

from ocr_assets.platform.lake import project_lake
from ocr_assets.schema import SCREENED
from resources.lake import Lake, RunInfo

OLD_LAKE = Path(__file__).parents[1] / "data" / "lake_of_version_1.tar.xz"


@functools.cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="empty-lake-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with project_lake(folder / "lake"):
        pass
    return folder / "lake"


def new_lake(folder: Path) -> Lake:
    """A lake at ``folder``, which need not exist, with the project's tables and macros; open it with ``with``.

    A lake that is there already is left as it is.
    """
    if not (folder / "catalog.sqlite").exists():
        shutil.copytree(_template(), folder, dirs_exist_ok=True)
    return project_lake(folder)


def unpack_old_lake(folder: Path) -> Path:
    """Unpack the lake of version 0.1.0 into ``folder``; returns it. Whoever opens it with today's code migrates it."""
    with tarfile.open(OLD_LAKE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def note_compared(lake: Lake) -> None:
    """Note all problems as compared with the benchmarks, as ``contamination_report`` does."""
    noted = lake.rows("SELECT problem_id AS subject, md5(statement) AS text_hash, 'test' AS settings FROM problems")
    with lake.write(RunInfo("compared"), "contamination_report") as write:
        write.sync(SCREENED, noted)
