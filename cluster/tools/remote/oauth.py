"""Signing in at MCP servers that want OAuth: with credentials of their own, or by a person in a browser.

Everything of it - discovery, registration, tokens - goes the way that the server's own messages go: through the gate, and the journal.
The flows are the SDK's; what is ours is where tokens are kept, who is asked, and what is not sent in the clear."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Annotated, Literal, Protocol

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, ValidationError

from cluster.errors import AddressRefused, RemoteFailed

Scope = Annotated[
    str, Field(max_length=1000, pattern=r"^[\x21-\x7e]+( [\x21-\x7e]+)*$", description="What is asked for; null: as the server says.")
]
ClientId = Annotated[str, Field(min_length=1, max_length=2000, description="As the authorization server knows us.")]
SecretName = Annotated[str, Field(pattern=r"^secret:[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="`secret:NAME` of the organisation.")]


class _Auth(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientCredentials(_Auth):
    """Tokens for the organisation itself, with nobody asked."""

    kind: Literal["client_credentials"]
    client_id: ClientId
    client_secret: SecretName
    issuer: str = Field(min_length=8, max_length=2000, description="The authorization server that gave them out; no other is sent them.")
    scope: Scope | None = None


class AuthorizationCode(_Auth):
    """Tokens that a person gives in a browser. ``client_id`` null: we register ourselves, where the server lets us."""

    kind: Literal["authorization_code"]
    client_id: ClientId | None = None
    client_secret: SecretName | None = None
    scope: Scope | None = None


# In place of an address that nobody is sent to.
NOWHERE = "http://localhost/"
Auth = Annotated[ClientCredentials | AuthorizationCode, Field(discriminator="kind")]


class Login(BaseModel):
    """What is known after a person signed in, and what renewing the tokens takes. ``url``: of the MCP server. ``expires_at``: seconds since
    1970."""

    url: str = ""
    tokens: OAuthToken | None = None
    expires_at: float | None = None
    client: OAuthClientInformationFull | None = None
    metadata: OAuthMetadata | None = None
    resource: ProtectedResourceMetadata | None = None
    issuer: str | None = None


class Logins(Protocol):
    """Where the login at one server is kept."""

    async def load(self) -> Login | None: ...

    async def save(self, login: Login) -> None: ...


class Person(Protocol):
    """Somebody with a browser."""

    redirect: str

    async def open(self, url: str) -> None:
        """They are to open ``url``."""
        ...

    async def answered(self) -> AuthorizationCodeResult:
        """With what their browser came back to ``redirect``."""
        ...


class Signing(OAuthClientProvider):
    """Keeps an encrypted server's secrets encrypted, and tells in our words what went wrong."""

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        flow = super().async_auth_flow(request)
        try:
            asked = await anext(flow)
            while True:
                if request.url.scheme == "https" and asked.url.scheme != "https":
                    raise AddressRefused(f"The server's OAuth leads to {asked.url.host} without encryption; it is not asked.")
                given = yield asked
                if asked is request:
                    self._look(given)
                asked = await flow.asend(given)
        except StopAsyncIteration:
            return
        except OAuthFlowError as error:
            # What stands behind the colon is the other side's.
            raise RemoteFailed(f"Signing in failed: {str(error).partition(': ')[0][:300]}.") from None
        finally:
            await flow.aclose()

    def _look(self, answer: httpx2.Response) -> None:
        """Raises where nothing more can be done about ``answer``."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is written down nowhere."""
        tokens = self.context.current_tokens
        return tuple(text for text in (tokens.access_token, tokens.refresh_token) if text) if tokens is not None else ()


class PersonLogin(Signing):
    """``logins`` are looked at again when a token cannot be renewed, because another process may have renewed it."""

    def __init__(
        self, url: str, logins: Logins, person: Person | None, given: AuthorizationCode, secret: str | None, document: str | None = None
    ) -> None:
        """``person`` None: what somebody did before has to do. ``secret``: the client's. ``document``: a public address that describes us,
        where there is one."""
        redirect = person.redirect if person is not None else NOWHERE
        metadata = OAuthClientMetadata(
            client_name="Hearth",
            redirect_uris=[AnyUrl(redirect)],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            scope=given.scope,
        )
        super().__init__(
            url,
            metadata,
            self,
            person.open if person is not None else None,
            person.answered if person is not None else None,
            document,
        )
        self._logins = logins
        self._person = person
        self._ours = _registered(given, secret, redirect)

    async def get_tokens(self) -> OAuthToken | None:
        return (await self._logins.load() or Login()).tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return (await self._logins.load() or Login()).client

    async def set_tokens(self, tokens: OAuthToken) -> None:
        await self._save(tokens)

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        await self._save(None)

    def _look(self, answer: httpx2.Response) -> None:
        wants_more = answer.status_code == 403 and "insufficient_scope" in answer.headers.get("www-authenticate", "")
        if self._person is None and (answer.status_code == 401 or wants_more):
            raise RemoteFailed("It wants somebody to sign in; an admin does with POST /api/v1/mcp/servers/{server}/login.")

    async def _initialize(self) -> None:
        known = await self._logins.load() or Login()
        context = self.context
        context.current_tokens, context.token_expiry_time = known.tokens, known.expires_at
        context.client_info = self._ours or known.client
        context.oauth_metadata, context.protected_resource_metadata = known.metadata, known.resource
        context.auth_server_url = known.issuer
        self._initialized = True

    async def _handle_refresh_response(self, response: httpx2.Response) -> bool:
        before = self.context.current_tokens
        if await super()._handle_refresh_response(response):
            return True
        # A refresh token that another process has used meanwhile is refused; what that process got is kept.
        await self._initialize()
        now = self.context.current_tokens
        if before is not None and now is not None and now.access_token != before.access_token and self.context.is_token_valid():
            return True
        self.context.clear_tokens()
        return False

    async def _save(self, tokens: OAuthToken | None) -> None:
        context = self.context
        login = Login(
            tokens=tokens,
            expires_at=time.time() + tokens.expires_in if tokens is not None and tokens.expires_in is not None else None,
            client=context.client_info if self._ours is None else None,
            metadata=context.oauth_metadata,
            resource=context.protected_resource_metadata,
            issuer=context.auth_server_url,
        )
        await self._logins.save(login)


class OwnLogin(Signing, ClientCredentialsOAuthProvider):
    """Tokens that are got anew by each connection."""

    def __init__(self, url: str, given: ClientCredentials, secret: str) -> None:
        self._kept = _KeptTokens()
        ClientCredentialsOAuthProvider.__init__(self, url, self._kept, given.client_id, secret, scope=given.scope, issuer=given.issuer)


class _KeptTokens:
    """A TokenStorage that keeps nothing beside the provider."""

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        return

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        return


def read_login(text: str) -> Login | None:
    """None for what an older release kept."""
    with suppress(ValidationError):
        return Login.model_validate_json(text)
    return None


def _registered(given: AuthorizationCode, secret: str | None, redirect: str) -> OAuthClientInformationFull | None:
    if given.client_id is None:
        return None
    return OAuthClientInformationFull(
        client_id=given.client_id,
        client_secret=secret,
        redirect_uris=[AnyUrl(redirect)],
        token_endpoint_auth_method="client_secret_basic" if secret else "none",
    )
