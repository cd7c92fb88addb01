"""Starts the viewer: Streamlit in a process of its own, on this machine only unless another address is given."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("page.py")
# Nothing is reported, watched or offered to be deployed; what goes wrong is told to whoever started it.
OPTIONS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
}
LOOPBACK = "127.0.0.1"


class NotInstalled(RuntimeError):
    """Streamlit is not there; the message says how to get it."""


def command(host: str, port: int) -> list[str]:
    """The command line that serves the page. Raises ``NotInstalled``."""
    if importlib.util.find_spec("streamlit") is None:
        raise NotInstalled("the viewer needs Streamlit; install it with: pip install 'ocr-assets[view]'")
    options = {**OPTIONS, "server.address": host, "server.port": str(port)}
    return [sys.executable, "-m", "streamlit", "run", str(PAGE), *(f"--{name}={value}" for name, value in options.items())]


def serve(host: str = LOOPBACK, port: int = 8501) -> int:
    """Serve the page until it is ended; its exit code. Raises ``NotInstalled``."""
    process = subprocess.Popen(command(host, port))
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        return process.wait()
