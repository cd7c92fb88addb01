"""``ocr-assets init``: a project file to begin with, made from the settings themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
from pydantic import BaseModel

from ocr_assets.cli import Refused
from ocr_assets.cli.settings import fields_of, toml

_HEAD = """\
# The project file: your choices, which the command line, schedules and the UI all read.
#
# Every setting is below with its default. Take the # away from before a setting to change it; what stays commented out keeps its
# default, also where a later version has another one. Environment variables outweigh this file, and `ocr-assets run --set` both.
# Relative paths begin at this file's folder. An empty text where there is no value means: none.
#
# Keys are no settings: they come from the environment only (OCR_TEACHER_KEY, OCR_JUDGE_KEY, OCR_EVALUATED_KEY,
# OCR_ANNOTATOR_KEY, OCR_CRITIC_KEY).
"""
_RELEASES = """\
# Releases. Each section [releases.NAME] is an asset NAME, with a folder releases/NAME of its own and versions that stay. Those
# below are always there. One of your own needs a profile (docs/releases.md): ocr, ocr2, messages, prompt_completion, sharegpt,
# preference, grpo, verl, open_r1, livecodebench, verify, kodcode_v1, kodcode_sft_r1 or kodcode_rl, such as
#
#     [releases.accepted_python]
#     profile = "ocr"
#     keep = "accepted"
#     languages = ["python"]
"""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(folder: Path) -> None:
    """Write a project file, ocr.toml, into FOLDER: every setting, commented out."""
    from resources.settings.project import NAME

    file = folder / NAME
    text = sample()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise Refused(f"{file} is there already; it stays as it is") from None
    except OSError as error:
        raise Refused(f"{file}: it cannot be written ({error.strerror or error})") from error
    click.echo(f"wrote {file}; in its folder, or with OCR_PROJECT={file.resolve()}, every command and the UI read it")


def sample() -> str:
    """The text of a project file that sets nothing: every setting with description, values and default, commented out."""
    from ocr_assets.definitions import ASSETS
    from ocr_assets.exports.assets import release_asset
    from ocr_assets.exports.profiles import PROFILES
    from ocr_assets.platform.releases import BUNDLED
    from ocr_assets.platform.sections import section_of, sections, settings_of
    from resources.settings.project import RELEASES

    parts = [_HEAD]
    for section, model in sections(ASSETS).items():
        if not section.startswith(f"{RELEASES}."):
            parts.append("\n".join(_section(section, model)))
    parts.append(_RELEASES)
    for name, profile in BUNDLED.items():
        asset = release_asset(name, PROFILES[profile])
        if (filters := settings_of(asset)) is not None:
            parts.append("\n".join(_section(section_of(asset), filters, profile)))
    return "\n".join(parts)


def _section(section: str, model: type[BaseModel], profile: str = "") -> Iterator[str]:
    from resources.settings.environment import section_fields

    yield from _prose((model.__doc__ or "").partition("\n\n")[0].replace("``", ""))
    yield f"[{section}]"
    if profile:
        yield f"#profile = {toml(profile)}"
    allowed = section_fields(model)
    for setting in fields_of(section, section, model):
        if setting.field in allowed:
            values = f"{setting.description} ({setting.values}{', ' + setting.variable if setting.variable else ''})"
            yield from _prose(values)
            default = model.model_fields[setting.field].get_default(call_default_factory=True)
            yield f"#{setting.field} = {toml(default)}"
    yield ""


def _prose(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 120, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
