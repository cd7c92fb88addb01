"""``ocr-assets``: the graph from a terminal, and its stages on plain files for people without the UI.

Here is only the main group: which commands there are, and what ends a command with which exit code. Each command group is a
module beside, imported when it is called for, so that ``ocr-assets --help`` does not wait for DuckDB and Dagster.

Exit codes: 0 done; 1 some rows got no verdict, a run failed, or a service that is needed does not answer; 2 wrong usage,
input or setting, with one line that says what and where.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

import click

# Command → its module and its line in the help. (A test compares the lines with the commands' docstrings.)
COMMANDS = {
    "run": ("ocr_assets.cli.run", "Materialize the graph."),
    "follow": ("ocr_assets.cli.follow", "Parse and judge what is committed, again and again, beside a run that still asks."),
    "progress": ("ocr_assets.cli.view", "What works on the lake now, and how far it is."),
    "view": (
        "ocr_assets.cli.view",
        "Read rows in a browser: by filter, responses side by side, two versions, progress.",
    ),
    "ui": ("ocr_assets.cli.ui", "Dagster's UI on this machine, with the daemon of schedules and sensors."),
    "lineage": ("ocr_assets.cli.lineage", "Where rows come from and what became of them."),
    "upkeep": ("ocr_assets.cli.upkeep", "Merge small files, expire old snapshots, remove what nothing needs."),
    "push": ("ocr_assets.cli.push", "Put a release on the Hugging Face Hub."),
    "parse": ("ocr_assets.cli.parse", "Take raw responses apart."),
    "verify": ("ocr_assets.cli.verify", "Judge solutions against the tests of their problems, in the sandbox."),
    "serve": ("ocr_assets.cli.serve", "Answer trainers that ask for verdicts over HTTP, from the sandbox."),
    "audit": (
        "ocr_assets.cli.audit",
        "Judge a published DATASET (a folder, hub:name@revision, bundled) and write what a buyer would want to know as Markdown.",
    ),
    "sandbox": ("ocr_assets.cli.sandbox", "Bring the sandbox image to other machines."),
    "evaluate": ("ocr_assets.cli.evaluate", "Judge published samples on a benchmark again, in the sandbox."),
    "loop": ("ocr_assets.cli.loop", "Write the toy project into FOLDER: training rows, a benchmark, mixes, a model's shape."),
    "nemo-rl": ("ocr_assets.cli.training", "Write a packed training mix as files for NeMo-RL."),
    "dedup": ("ocr_assets.cli.dedup", "Keep one of each set of problems that are the same."),
    "decontaminate": ("ocr_assets.cli.decontaminate", "Find problems that resemble benchmark items."),
    "conformance": ("ocr_assets.cli.conformance", "Check a grader against verdicts that are right."),
    "init": ("ocr_assets.cli.init", "Write a project file, ocr.toml, into FOLDER: every setting, commented out."),
    "settings": ("ocr_assets.cli.settings", "What can be set, what is set, and who set it."),
}


class Refused(click.ClickException):
    """Wrong usage, input or setting: one line, exit code 2."""

    exit_code = 2


class _Main(click.Group):
    """Commands by name from ``COMMANDS``, and wrong files and settings as one line with exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ValueError as error:
            from ocr_assets.platform.row_files import BadInput
            from resources.lake.extensions import CannotOpen
            from resources.lake.migrations import SchemaMismatch
            from resources.settings.environment import WrongSetting  # here, for it brings Dagster with it

            if isinstance(error, BadInput | CannotOpen | WrongSetting | SchemaMismatch):
                raise Refused(str(error)) from error
            raise


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Code-reasoning datasets people can trust: raw problems to verified training data."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")


__all__ = ["COMMANDS", "Refused", "main"]
