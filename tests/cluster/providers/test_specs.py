from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster.errors import ConfigError
from cluster.home import REPOSITORY
from cluster.specs.providers import load_providers

SECRET = "sk-pasted-by-mistake"


def written(tmp_path: Path, tree: dict[str, object]) -> Path:
    path = tmp_path / "providers.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def test_the_file_that_comes_with_hearth_contacts_nobody():
    spec = load_providers(REPOSITORY / "configs" / "providers.yaml")
    assert {provider.kind for provider in spec.providers.values()} == {"openai", "anthropic", "ollama", "openrouter"}
    assert not any(provider.enabled for provider in spec.providers.values())


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "openai", "key": SECRET}, "'providers.far.key' must say where the key is"),
        ({"kind": "openai", "key": 12345}, "'providers.far.key' must say where the key is"),
        ({"kind": "ollama", "base_url": f"http://me:{SECRET}@host"}, "'providers.far.base_url' must hold no user or password"),
        ({"kind": "openai"}, "kind openai needs a key, such as 'env:OPENAI_API_KEY'"),
        ({"kind": "openai_compatible"}, "needs a base_url"),
        ({"kind": "ollama", "base_url": "file:///etc"}, "plain http or https address"),
        ({"kind": "olama"}, "choose 'openai', 'anthropic'"),
        ({"kind": "ollama", "timeouts": {"stream_idle": 3}}, "did you mean 'stream_idle_s'"),
    ],
)
def test_a_mistake_is_explained_and_no_secret_is_shown(tmp_path, entry, said):
    with pytest.raises(ConfigError) as caught:
        load_providers(written(tmp_path, {"providers": {"far": entry}}))
    assert said in caught.value.message
    assert SECRET not in str(caught.value)


def test_a_chain_has_at_most_four_models(tmp_path):
    with pytest.raises(ConfigError, match="at most 4"):
        load_providers(written(tmp_path, {"aliases": {"smart": {"models": ["a", "b", "c", "d", "e"]}}}))


def test_neither_a_provider_nor_an_alias_may_look_like_the_other(tmp_path):
    with pytest.raises(ConfigError, match="lower case"):
        load_providers(written(tmp_path, {"providers": {"Open/AI": {"kind": "ollama"}}}))
    with pytest.raises(ConfigError, match="has a slash"):
        load_providers(written(tmp_path, {"aliases": {"a/b": {"models": ["c"]}}}))
