"""The commands as they are typed, on a home with stores of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cluster.cli.backup import backup, restore
from cluster.cli.people import token_app
from cluster.cli.secrets import secrets_app
from cluster.errors import ConfigError, Conflict, NotFound
from cluster.home import Home
from cluster.settings import Settings
from cluster.signing import SigningKeys
from cluster.stores.keeper import Stores
from cluster.stores.migrate import migrate

app = typer.Typer()
app.command()(backup)
app.command()(restore)
app.add_typer(secrets_app, name="secrets")
app.add_typer(token_app, name="token")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Of a cluster that ran once and does not now."""
    home = Home(tmp_path_factory.mktemp("commands") / "home")
    home.create()
    settings = Settings(home=home.root)
    stores = Stores(home, settings)
    stores.start()
    migrate(settings)
    stores.stop()
    yield home
    shutil.rmtree(home.scratch, ignore_errors=True)


def test_an_open_backup_says_loudly_that_it_is_open(home, tmp_path):
    result = run("backup", tmp_path / "open.tar.gz", "--home", home.root)
    assert result.exit_code == 0, result.output
    assert "holds every key and is NOT encrypted" in result.stderr
    assert (tmp_path / "open.tar.gz").is_file()


def test_a_sealed_one_does_not_and_goes_below_the_home_by_default(home, tmp_path):
    (tmp_path / "words").write_text("correct horse battery")
    (tmp_path / "words").chmod(0o600)
    words = ("--passphrase-file", tmp_path / "words", "--home")
    told = json.loads(run("backup", *words, home.root, "--json").stdout)
    assert told["sealed"] is True
    assert Path(told["file"]).parent == home.root / "backups"
    result = run("restore", told["file"], *words, tmp_path / "new", "--json")
    assert json.loads(result.stdout)["home"] == str(tmp_path / "new")
    assert result.stderr == ""
    assert isinstance(run("restore", told["file"], "--home", tmp_path / "third").exception, ConfigError)


def test_restore_can_be_asked_to_check_only(home, tmp_path):
    run("backup", tmp_path / "b.tar.gz", "--home", home.root)
    result = run("restore", tmp_path / "b.tar.gz", "--check", "--home", tmp_path / "new")
    assert "is whole" in result.output
    assert not (tmp_path / "new").exists()
    assert isinstance(run("restore", tmp_path / "b.tar.gz", "--home", home.root).exception, Conflict)


def test_the_key_of_the_secrets_is_rotated_by_a_word(home):
    assert json.loads(run("secrets", "rotate", "--home", home.root, "--json").stdout) == {"sealed": 0}
    first = (home.keys / "secrets.key").read_text()
    assert "Sealed 0 values" in run("secrets", "rotate", "--home", home.root).output
    assert (home.keys / "secrets.key").read_text() != first


def test_the_signing_key_is_rotated_beside_the_old_one_or_without_it(home):
    keys = SigningKeys(home.keys / "tokens.json")
    old = keys.current().thumbprint()
    new = json.loads(run("token", "rotate-keys", "--home", home.root, "--json").stdout)["key_id"]
    assert {key.thumbprint() for key in keys.all().keys} == {old, new}
    run("token", "rotate-keys", "--now", "--home", home.root)
    assert not {old, new} & {key.thumbprint() for key in keys.all().keys}


def test_without_a_home_there_is_nothing_to_rotate_or_back_up(tmp_path):
    for words in (("secrets", "rotate"), ("token", "rotate-keys"), ("backup",)):
        assert isinstance(run(*words, "--home", tmp_path / "none").exception, NotFound)
    assert not (tmp_path / "none").exists()
