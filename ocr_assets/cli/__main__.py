"""``python -m ocr_assets.cli``: the command line where the script is not installed."""

from ocr_assets.cli import main

main()
