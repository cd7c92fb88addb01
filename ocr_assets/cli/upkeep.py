"""``ocr-assets upkeep``: the lake put in order from a terminal, after a look at what that would do."""

from __future__ import annotations

import click

from ocr_assets.cli.project import existing_lake, resources


@click.command()
@click.option("--yes", is_flag=True, help="Do it; without it, only say what would be done.")
def upkeep(yes: bool) -> None:
    """Merge small files, expire old snapshots, remove what nothing needs.

    By the section [upkeep] of the project file. Exit code 1 if another process is at it.
    """
    from ocr_assets.platform.upkeep import planned, put_in_order
    from resources.lake.at_work import Busy
    from resources.settings import UpkeepSettings, from_environment

    settings = from_environment(UpkeepSettings)
    with existing_lake() as lake:
        figures = planned(lake, settings)
        click.echo(
            f"small files that can be merged: {figures.small_files:,} (below {settings.small_mb} MB)\n"
            f"snapshots to expire: {figures.snapshots_expired:,} (older than {settings.keep_days:g} days; "
            f"{figures.snapshots_kept:,} stay)\n"
            f"files to remove that nothing needs: {figures.files_removed:,} (for more than {settings.grace_hours:g} hours)\n"
            "files to remove that no commit names: "
            + (
                "none, since other lakes have their data in the same place"
                if figures.shared
                else f"{figures.strange_files_removed:,}"
            )
        )
        if not yes:
            click.echo("nothing was changed; --yes does it")
            return
        try:
            put_in_order(lake, resources()["lake"], settings, click.echo)
        except Busy as error:
            raise click.ClickException(str(error)) from error
