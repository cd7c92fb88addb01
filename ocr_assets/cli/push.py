"""``ocr-assets push``: a release to the Hugging Face Hub. What goes over the wire is in ``resources/hub_upload.py``."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.project import resources

if TYPE_CHECKING:
    from ocr_assets.platform.release_folders import ReleaseFolder
    from resources.hub_upload import HubDataset, RemoteFiles

_SMALL = ("README.md", "manifest.json")


@click.command()
@click.argument("release")
@click.argument("repo")
@click.option("--number", type=click.IntRange(1), help="Which version of the release; without it the newest.")
@click.option("--yes", is_flag=True, help="Push. Without it, only say what would be pushed.")
@click.option("--public", is_flag=True, help="Make a new dataset public; without it, it is private.")
@click.option("--replace", is_flag=True, help="Push over a dataset that holds something else than this release.")
@click.option("--not-decontaminated", is_flag=True, help="Publish a release that was compared with no public benchmark.")
def push(release: str, repo: str, number: int | None, yes: bool, public: bool, replace: bool, not_decontaminated: bool) -> None:
    """Put a release on the Hugging Face Hub.

    RELEASE is its name, REPO the dataset (owner/name). Says what would be pushed, and pushes with --yes: files that are there are
    not sent again, and all appear at once, in one commit. A push that was interrupted goes on where it was. The key is read from
    HF_TOKEN, and from nowhere else.
    """
    from resources.hub import HubUnavailable
    from resources.hub_upload import HubDataset

    folder, version = _version(release, number)
    manifest = folder.manifest(version)
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise Refused(f"{repo}: give the dataset as owner/name")
    dataset = HubDataset(repo)
    if yes and not dataset.has_key:
        raise Refused("HF_TOKEN is not set; pushing needs a key of the Hub with the right to write")
    try:
        there = dataset.files()
        _refuse_strangers(dataset, there, release, replace)
        files, gone, same = _changes(folder.version(version), manifest, there)
        _say(release, version, repo, manifest, files, gone, same, there, public)
        if manifest.get("warning"):
            click.echo(f"Warning: {manifest['warning']}", err=True)
            if (there.public if there.head else public) and not not_decontaminated:
                raise Refused(
                    "a release that is not decontaminated is not made public; --not-decontaminated does it all the same"
                )
        if not files and not gone:
            return
        if not sum(manifest["rows"].values()):  # no reader can open it, and what is there would be taken away
            raise Refused(f"{release}, version {version}, has no rows")
        if not yes:
            click.echo("nothing was pushed; --yes does it", err=True)
            return
        if there.head is None:
            dataset.create(private=not public)
            there = dataset.files()
        message = f"{release}, version {version} ({manifest['version']})"
        address = dataset.commit(files, gone, message, there.head, lambda path: click.echo(f"stored {path}", err=True))
    except HubUnavailable as error:
        raise click.ClickException(str(error)) from error
    click.echo(address)


def _version(release: str, number: int | None) -> tuple[ReleaseFolder, int]:
    """The release's folder and the version to push, whole."""
    from ocr_assets.platform.release_folders import ReleaseFolder
    from ocr_assets.platform.releases import wrong_name

    if fault := wrong_name(release):
        raise Refused(f"{release}: {fault}")
    releases = resources()["lake"].releases
    folder = ReleaseFolder(releases, release)
    numbers = folder.numbers
    if not numbers:
        raise Refused(f"{release}: nothing was released under this name in {releases}")
    version = number or int((folder.current or folder.version(numbers[-1])).name.removeprefix("v"))
    if version not in numbers:
        raise Refused(f"{release} has no version {version}; there are {', '.join(map(str, numbers))}")
    if not folder.is_whole(version):
        raise Refused(f"{folder.version(version)}: its files are not what they were when it was made; release it again")
    return folder, version


def _refuse_strangers(dataset: HubDataset, there: RemoteFiles, release: str, replace: bool) -> None:
    """Refuse to push over what is not this release."""
    if replace or not set(there.hashes) - {".gitattributes"}:
        return
    found = None
    if "manifest.json" in there.hashes:
        with tempfile.TemporaryDirectory() as scratch:
            try:
                found = json.loads(dataset.read("manifest.json", Path(scratch), there.head)).get("dataset")
            except (ValueError, AttributeError):  # somebody else's file of that name
                found = None
    if found != release:
        holds = f"the release {found}" if found else "files that are no release of ours"
        raise Refused(f"{dataset.name} holds {holds}, not {release}; --replace pushes over it")


def _changes(folder: Path, manifest: Mapping[str, Any], there: RemoteFiles) -> tuple[dict[str, Path], list[str], int]:
    """Files to add (path there → here; the manifest and the card last), paths to remove, and how many are there already."""
    wanted = {path: folder / path for path in (*manifest["files"], *_SMALL)}
    files = {path: file for path, file in wanted.items() if not there.holds(path, file)}
    gone = [path for path in there.hashes if path.startswith(("data/", "plots/")) and path not in wanted]
    return files, gone, len(wanted) - len(files)


def _say(
    release: str,
    version: int,
    repo: str,
    manifest: Mapping[str, Any],
    files: Mapping[str, Path],
    gone: list[str],
    same: int,
    there: RemoteFiles,
    public: bool,
) -> None:
    rows = sum(manifest.get("rows", {}).values())
    click.echo(f"{release}, version {version}: {rows:,} rows, {manifest['version']}")
    kind = "public" if (public if there.head is None else there.public) else "private"
    place = f"a new {kind} dataset" if there.head is None else f"{kind}, commit {there.head[:12]}"
    click.echo(f"to {repo} ({place}): {len(files)} files to store, {len(gone)} to remove, {same} there already")
    for path, file in files.items():
        click.echo(f"  + {path}  {file.stat().st_size:,} bytes")
    for path in gone:
        click.echo(f"  - {path}")
    sys.stdout.flush()
