from __future__ import annotations

import pytest
from pydantic import SecretStr

from cluster.errors import ConfigError, NotFound
from cluster.providers.keys import EnvironmentSecrets, HeldKey


class Vault:
    """Secrets by name, as Hearth's own store keeps them; counts how often it is read."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets
        self.reads = 0

    async def read(self, reference: str) -> SecretStr:
        self.reads += 1
        name = reference.removeprefix("secret:")
        if name not in self.secrets:
            raise NotFound(f"There is no secret '{name}'.")
        return SecretStr(self.secrets[name])


async def test_references_lead_to_the_environment_or_to_the_store_of_secrets():
    source = EnvironmentSecrets({"OPENAI_API_KEY": "from-env"}, Vault(openai="from-store"))
    assert (await source.read("env:OPENAI_API_KEY")).get_secret_value() == "from-env"
    assert (await source.read("secret:openai")).get_secret_value() == "from-store"


@pytest.mark.parametrize(("reference", "said"), [("env:NONE", "NONE is not set"), ("secret:none", "no store of secrets is connected")])
async def test_a_reference_that_leads_nowhere_is_named(reference, said):
    with pytest.raises(ConfigError, match=said):
        await EnvironmentSecrets({}).read(reference)


async def test_a_key_is_held_until_it_is_refused():
    vault = Vault(openai="old")
    key = HeldKey("secret:openai", vault)
    assert [(await key.get()) for _ in range(3)] == [SecretStr("old")] * 3
    assert vault.reads == 1
    vault.secrets["openai"] = "new"
    key.forget()
    assert await key.get() == SecretStr("new")


async def test_no_key_is_needed_where_none_is_configured():
    assert await HeldKey(None, EnvironmentSecrets({})).get() is None
