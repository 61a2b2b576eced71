"""`hearth secrets rotate` and `hearth token rotate-keys`: new keys in place of old ones, while the cluster runs or not."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cluster.backup.running import stores_of
from cluster.cli.client import JsonOption
from cluster.cli.options import HomeOption, ProfileOption, profile_and_settings
from cluster.cli.people import token_app
from cluster.errors import NotFound
from cluster.home import Home
from cluster.settings import Settings
from cluster.stores.upstairs import run_module

secrets_app = typer.Typer(help="Rotate the key that stored secrets are sealed with.", no_args_is_help=True)

NowOption = Annotated[bool, typer.Option("--now", help="Leave no old key: every access token is void at once.")]


@secrets_app.command("rotate")
def rotate_secrets(profile: ProfileOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Seal every stored secret with a new key, and forget the old ones. Backups from before keep theirs."""
    settings = _settings(profile, home)
    with stores_of(Home(settings.home), settings) as there:
        sealed = run_module(there, "api.secrets.rotate", otherwise="The secrets could not be sealed anew")
    typer.echo(json.dumps({"sealed": int(sealed)}) if as_json else f"Sealed {sealed} values with a new key.")


@token_app.command("rotate-keys")
def rotate_keys(now: NowOption = False, profile: ProfileOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Sign access tokens with a new key. Tokens of the one before it stay valid until they end; API keys are not touched."""
    settings = _settings(profile, home)
    times = "2" if now else "1"
    key = run_module(settings, "api.auth.rotate", "--times", times, otherwise="The signing key could not be rotated")
    typer.echo(json.dumps({"key_id": key}) if as_json else f"Access tokens are signed with key {key} from now on.")


def _settings(profile: str | None, home: object) -> Settings:
    _, settings = profile_and_settings(profile, {"home": home})
    if not Home(settings.home).keys.is_dir():
        raise NotFound(f"There is no Hearth in {settings.home}; --home names another folder.")
    return settings
