"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.home import PROFILES, Home
from cluster.optimising.overrides import overlaid
from cluster.settings import Settings, load_settings
from cluster.specs.profile import ProfileSpec, load_profile

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of all state (default: HEARTH_HOME, else ~/.hearth).", show_default=False)
]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="A profile of configs/profiles, or a YAML file.", show_default=False)]


def home_of(home: Path | None) -> Home:
    """The home in force, without a profile."""
    return Home(load_settings(flags={"home": home}).home)


def profile_and_settings(profile: str | None, flags: Mapping[str, Any]) -> tuple[ProfileSpec, Settings]:
    """The profile named by flag or environment, with what was found to be better in place of what it says, and the settings with its own
    layer applied."""
    named = load_settings(flags={"profile": profile}).profile
    spec = load_profile(named, PROFILES)
    settings = load_settings(profile=spec.settings, flags={**flags, "profile": named})
    return overlaid(spec, Home(settings.home)), settings
