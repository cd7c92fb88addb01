"""An empty lake for a test: a copy of one made once a process, because creating all tables costs more than opening them."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from ocr_assets.platform.lake import project_lake
from resources.lake import Lake


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
