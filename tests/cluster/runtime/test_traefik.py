from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from cluster.errors import ConfigError
from cluster.runtime.traefik import announce, route, withdraw
from cluster.settings import HttpSettings


def behind(folder: Path, **changes: object) -> HttpSettings:
    return HttpSettings.model_validate({"behind_proxy": True, "traefik_dir": folder, "port": 8765, **changes})


def only(found: object) -> dict[str, object]:
    """The one router or service."""
    assert isinstance(found, dict)
    (one,) = found.values()
    assert isinstance(one, dict)
    return one


def test_the_file_leads_every_allowed_host_to_the_port(tmp_path):
    announce(behind(tmp_path, allowed_hosts=["Box.example.org", "localhost", "[::1]"]))
    (file,) = tmp_path.iterdir()
    told = yaml.safe_load(file.read_text())["http"]
    assert only(told["routers"]) == {"rule": "Host(`box.example.org`) || Host(`localhost`)", "service": "hearth-8765"}
    balancer = told["services"]["hearth-8765"]["loadBalancer"]
    assert balancer["servers"] == [{"url": "http://127.0.0.1:8765"}]
    assert balancer["healthCheck"]["hostname"] == "box.example.org"  # a host that the API answers to
    assert file.stat().st_mode & 0o777 == 0o644  # for a Traefik of another user


def test_all_hosts_are_one_rule(tmp_path):
    found = route(behind(tmp_path, allowed_hosts=["*"]))["http"]
    assert isinstance(found, dict)
    assert only(found["routers"])["rule"] == "PathPrefix(`/`)"


def test_the_file_goes_with_the_cluster_and_others_stay(tmp_path):
    announce(behind(tmp_path))
    announce(behind(tmp_path, port=8766))
    withdraw(behind(tmp_path))
    withdraw(behind(tmp_path))  # as after a start that failed
    assert [file.name for file in tmp_path.iterdir()] == ["hearth-8766.yaml"]


def test_without_a_folder_nothing_is_written():
    announce(HttpSettings())
    withdraw(HttpSettings())


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(ConfigError, match=r"http\.traefik_dir"):
        announce(behind(tmp_path / "taken"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"behind_proxy": False}, "behind_proxy"), ({"allowed_hosts": ["[::1]"]}, "IPv4"), ({"allowed_hosts": ["a`) || Host(`b"]}, "pattern")],
)
def test_what_traefik_could_not_be_told_is_refused(tmp_path, changes, told):
    with pytest.raises(ValidationError, match=told):
        behind(tmp_path, **changes)
