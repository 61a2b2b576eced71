"""`hearth user`, `hearth key` and `hearth token`: who may use the running cluster. All of it goes through the HTTP API."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from cluster.cli.client import Api, JsonOption, KeyFileOption
from cluster.cli.options import HomeOption, home_of
from cluster.cli.output import result_console

user_app = typer.Typer(help="Add, change and remove users.", no_args_is_help=True)
key_app = typer.Typer(help="Make, rotate and revoke API keys.", no_args_is_help=True)
token_app = typer.Typer(help="Sign in, for a token to try things with.", no_args_is_help=True)

EmailArgument = Annotated[str, typer.Argument(help="E-mail of the user.")]
KeyArgument = Annotated[str, typer.Argument(help="Id of the key, as `hearth key list` shows it.")]
RoleOption = Annotated[str, typer.Option("--role", help="viewer, editor or admin.")]
ScopeOption = Annotated[list[str] | None, typer.Option("--scope", help="models, read, write or admin; several are given one by one.")]


@user_app.command("list")
def list_users(home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Show the users of the organisation and their roles."""
    _show(Api(home_of(home), key_file).users(), ("email", "name", "role", "is_active"), as_json)


@user_app.command("add")
def add_user(
    email: EmailArgument,
    name: Annotated[str | None, typer.Option("--name", help="What they are called (default: the e-mail).", show_default=False)] = None,
    role: RoleOption = "viewer",
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add somebody, and print the invitation with which they choose a password."""
    made = Api(home_of(home), key_file).ask("POST", "users", {"email": email, "name": name or email, "role": role})
    invitation = made["invitation"] or "none is needed: they have an account"
    typer.echo(json.dumps(made) if as_json else f"Added {made['user']['email']} as {role}. Invitation: {invitation}")


@user_app.command("role")
def change_role(
    email: EmailArgument,
    role: Annotated[str, typer.Argument(help="viewer, editor or admin.")],
    home: HomeOption = None,
    key_file: KeyFileOption = None,
) -> None:
    """Change what somebody may do."""
    api = Api(home_of(home), key_file)
    api.ask("PATCH", f"users/{api.user_id(email)}", {"role": role})
    typer.echo(f"{email} is now {role}.")


@user_app.command("remove")
def remove_user(
    email: EmailArgument,
    erase: Annotated[bool, typer.Option("--erase", help="Also erase the account and all it owns.")] = False,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
) -> None:
    """Take somebody out of the organisation; their keys and sign-ins there end."""
    api = Api(home_of(home), key_file)
    api.ask("DELETE", f"users/{api.user_id(email)}", hard_delete=str(erase).lower())
    typer.echo(f"Removed {email}.")


@key_app.command("list")
def list_keys(home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Show the API keys, by their beginning."""
    _show(Api(home_of(home), key_file).ask("GET", "keys"), ("id", "name", "prefix", "last_used_at", "expires_at", "revoked_at"), as_json)


@key_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: ScopeOption = None,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key, and print it; it is shown only now."""
    made = Api(home_of(home), key_file).ask("POST", "keys", {"name": name, "scopes": scope or []})
    typer.echo(json.dumps(made) if as_json else made["key"])


@key_app.command("rotate")
def rotate_key(
    key: KeyArgument,
    overlap_s: Annotated[int | None, typer.Option("--overlap", min=0, help="Seconds the old one stays valid.", show_default=False)] = None,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the successor of a key, and print it; the old one stays valid for a while."""
    made = Api(home_of(home), key_file).ask("POST", f"keys/{key}/rotate", {"overlap_s": overlap_s})
    typer.echo(json.dumps(made) if as_json else made["key"])


@key_app.command("revoke")
def revoke_key(key: KeyArgument, home: HomeOption = None, key_file: KeyFileOption = None) -> None:
    """End a key now."""
    Api(home_of(home), key_file).ask("DELETE", f"keys/{key}")
    typer.echo(f"Revoked {key}.")


@token_app.command("get")
def get_token(email: EmailArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Ask for the password, sign in, and print an access token."""
    password = typer.prompt("Password", hide_input=True, err=True)
    pair = Api(home_of(home), None, signed=False).ask("POST", "auth/login", {"email": email, "password": password})
    typer.echo(json.dumps(pair) if as_json else pair["access_token"])


def _show(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*("-" if row[name] is None else str(row[name]) for name in columns))
    result_console().print(table)
