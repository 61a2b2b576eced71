"""Settings in layers: what counts, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import ConfigError
from cluster.settings import load_settings

PORT = "HEARTH_HTTP__PORT"


def test_a_flag_counts_before_the_environment_and_that_before_the_profile():
    profile, env = {"http": {"port": 1, "replicas": 2}, "offline": True}, {PORT: "3"}
    assert load_settings(env={}).http.port == 8003
    assert load_settings(profile, {}).http.port == 1
    assert load_settings(profile, env).http.port == 3
    settings = load_settings(profile, env, {"http.port": 4, "home": None})
    assert (settings.http.port, settings.http.replicas, settings.offline) == (4, 2, True)


def test_lists_of_the_environment_are_json():
    settings = load_settings(env={"HEARTH_HTTP__ALLOWED_HOSTS": '["box.example.org", "localhost"]', "HEARTH_HTTP__CORS_ORIGINS": "[]"})
    assert settings.http.allowed_hosts == ("box.example.org", "localhost")
    assert settings.http.cors_origins == ()


@pytest.mark.parametrize("text", ['["box"', "box"])
def test_a_list_that_is_none_is_refused_with_its_name(text: str):
    with pytest.raises(ConfigError, match=r"environment: .*http\.allowed_hosts"):
        load_settings(env={"HEARTH_HTTP__ALLOWED_HOSTS": text})


def test_a_mistake_is_blamed_on_its_layer_and_the_nearest_name_is_told():
    with pytest.raises(ConfigError, match="HEARTH_PROFIL is not a setting; did you mean HEARTH_PROFILE"):
        load_settings(env={"HEARTH_PROFIL": "laptop"})
    with pytest.raises(ConfigError, match=r"^profile: .*prot.*port"):
        load_settings({"http": {"prot": 1}}, {})
    with pytest.raises(ConfigError, match=r"^flags: "):
        load_settings(env={PORT: "8003"}, flags={"http.port": "many"})


def test_the_home_is_an_absolute_path():
    assert load_settings(env={"HEARTH_HOME": "~/there"}).home == Path.home() / "there"


def test_names_that_processes_hand_to_each_other_are_no_settings():
    assert load_settings(env={"HEARTH_CLUSTER_MARK": "x", "PATH": "/bin"}) == load_settings(env={})
