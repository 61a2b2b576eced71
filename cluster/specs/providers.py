"""Providers: models that somebody else serves, reached over HTTP. One YAML file, ``configs/providers.yaml``; see there for an example.

A file rather than a folder, because order counts: a bare name goes to the first provider that has it. Addresses of providers come from
here only, never from a request; keys are references (``env:NAME``, ``secret:NAME``), never the keys themselves.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from cluster.errors import ConfigError
from cluster.specs.loader import Spec, load_spec

ProviderKind = Literal["openai", "anthropic", "ollama", "openrouter", "openai_compatible"]

BASE_URLS: dict[ProviderKind, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "ollama": "http://127.0.0.1:11434",
    "openrouter": "https://openrouter.ai/api/v1",
}
KEYLESS = frozenset[ProviderKind]({"ollama", "openai_compatible"})
# Models that may be asked for one request, the first included; the last resort comes after them.
DEEPEST_CHAIN = 4
PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
KEY_REFERENCE = re.compile(r"(env|secret):[A-Za-z0-9_.-]{1,128}")


class ProviderLimits(Spec):
    """What one process of ours asks of a provider at most; whoever comes on top waits."""

    requests_per_minute: int | None = Field(None, ge=1, description="Requests in a minute, repeats included; by default no limit.")
    concurrent: int = Field(32, ge=1, description="Requests at once, streams included.")
    max_wait_s: float = Field(30.0, gt=0, description="Seconds a request waits for its turn before it counts as overloaded.")


class ProviderTimeouts(Spec):
    """How long a provider may take."""

    connect_s: float = Field(10.0, gt=0, description="Seconds to take a connection.")
    request_s: float = Field(600.0, gt=0, description="Seconds to a whole answer, or to the first token of a stream, repeats included.")
    stream_idle_s: float = Field(180.0, gt=0, description="Seconds between two events of a stream.")
    probe_s: float = Field(5.0, gt=0, description="Seconds to list the models, which is also how health is looked at.")


class ProviderRetries(Spec):
    """Repeats after lost connections, 408, 409, 429 and 5xx, while nothing was passed on yet."""

    attempts: int = Field(3, ge=1, le=10, description="Tries in all.")
    first_wait_s: float = Field(0.5, ge=0, description="Longest wait before the first repeat, in seconds, drawn at random; it doubles.")
    longest_wait_s: float = Field(20.0, ge=0, description="Longest wait, in seconds; a Retry-After beyond it is not waited for.")


class ProviderBreaker(Spec):
    """When a provider is left alone."""

    failures: int = Field(5, ge=1, description="Lost connections, 5xx and broken answers in a row after which it is left alone.")
    rest_s: float = Field(30.0, gt=0, description="Seconds until one request may look whether it is well again.")


class Price(Spec):
    """What a model costs, in the currency of the bill: tokens by the million, sound by the minute, images one by one."""

    input: float = Field(0.0, ge=0, description="A million prompt tokens.")
    cached: float | None = Field(None, ge=0, description="A million prompt tokens from the provider's cache; by default as input.")
    output: float = Field(0.0, ge=0, description="A million answer tokens.")
    audio_minute: float = Field(0.0, ge=0, description="A minute of sound.")
    image: float = Field(0.0, ge=0, description="An image that is looked at.")


class ProvidedModel(Spec):
    """One model of a provider, by the provider's name for it."""

    name: str = Field(min_length=1)
    context_tokens: int | None = Field(None, ge=1, description="Longest prompt plus answer, in tokens; by default what is discovered.")
    price: Price | None = None


class ProviderSpec(Spec):
    """One provider. With ``models`` only those are served and nothing is discovered; without, all that the provider lists."""

    kind: ProviderKind
    enabled: bool = True
    base_url: str | None = Field(None, description="Address up to and without /chat/completions, /messages or /api/chat.")
    key: str | None = Field(None, description="Where the API key is: env:NAME or secret:NAME.")
    models: tuple[ProvidedModel, ...] = ()
    max_output_tokens: int = Field(8192, ge=1, description="Sent to Anthropic, which wants a limit, where a request names none.")
    limits: ProviderLimits = ProviderLimits()
    timeouts: ProviderTimeouts = ProviderTimeouts()
    retries: ProviderRetries = ProviderRetries()
    breaker: ProviderBreaker = ProviderBreaker()

    @property
    def address(self) -> str:
        return (self.base_url or BASE_URLS[self.kind]).rstrip("/")

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://unset")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("write a plain http or https address, such as 'http://127.0.0.1:8000/v1'")
        return value

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.kind == "openai_compatible" and self.base_url is None:
            raise ValueError("kind openai_compatible needs a base_url")
        if self.kind not in KEYLESS and self.key is None:
            raise ValueError(f"kind {self.kind} needs a key, such as 'env:{self.kind.upper()}_API_KEY'")
        return self


class AliasSpec(Spec):
    """A name of ours for models that stand in for each other."""

    models: tuple[str, ...] = Field(
        min_length=1, max_length=DEEPEST_CHAIN, description="Asked in this order, until one answers: a local id, or <provider>/<model>."
    )
    cache_s: int = Field(0, ge=0, description="Seconds an answer is given again to an equal request; 0: never.")
    cache_sampled: bool = Field(False, description="Whether that holds where the temperature is not 0, too.")


class ProvidersSpec(Spec):
    """The whole file. A bare name goes to an alias, then to the local model, then to providers in the order written here;
    ``<provider>/<model>`` always names one exactly."""

    providers: dict[str, ProviderSpec] = Field(default_factory=dict)
    aliases: dict[str, AliasSpec] = Field(default_factory=dict)
    last_resort: str | None = Field(None, description="Local model that is asked when a provider's model, and all after it, cannot answer.")
    discovery_s: float = Field(300.0, gt=0, description="Seconds after which a provider's models are listed again.")
    failed_discovery_s: float = Field(30.0, gt=0, description="Seconds until then when the last look failed.")

    @model_validator(mode="before")
    @classmethod
    def _no_literal_secrets(cls, data: object) -> object:
        """Raises ConfigError, and not ValueError, whose message would show what was found."""
        providers = data.get("providers") if isinstance(data, dict) else None
        for name, provider in (providers if isinstance(providers, dict) else {}).items():
            _refuse_literal_secrets(name, provider)
        return data

    @field_validator("providers")
    @classmethod
    def _names(cls, value: dict[str, ProviderSpec]) -> dict[str, ProviderSpec]:
        for name in value:
            if not PROVIDER_NAME.fullmatch(name):
                raise ValueError(f"'{name}' is not a provider's name: lower case, digits, hyphens")
        return value

    @field_validator("aliases")
    @classmethod
    def _no_slash(cls, value: dict[str, AliasSpec]) -> dict[str, AliasSpec]:
        for name in value:
            if "/" in name:
                raise ValueError(f"alias '{name}' has a slash, which stands between a provider and its model")
        return value


def load_providers(path: Path) -> ProvidersSpec:
    """Raises ConfigError, one line, which never shows what stands where a key was expected."""
    return load_spec(path, ProvidersSpec)


def _refuse_literal_secrets(name: object, provider: object) -> None:
    if not isinstance(provider, dict):
        return
    key, address = provider.get("key"), provider.get("base_url")
    if key is not None and not (isinstance(key, str) and KEY_REFERENCE.fullmatch(key)):
        raise ConfigError(f"'providers.{name}.key' must say where the key is, env:NAME or secret:NAME; it must not be the key itself.")
    if isinstance(address, str) and "@" in address:
        raise ConfigError(f"'providers.{name}.base_url' must hold no user or password; say in 'key' where the key is.")
