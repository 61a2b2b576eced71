"""Signing in, as it looks from outside."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Strict

from api.web.principal import Principal, Role
from api.web.schema import Answer, Body

Id = Annotated[uuid.UUID, Strict(False)]
Email = Annotated[str, Field(max_length=320, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$", examples=["ada@example.org"])]


def concealed(least: int, most: int) -> BeforeValidator:
    """A text of so many characters, which no error message repeats: pydantic's own checks would say what was found."""

    def check(value: object) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise ValueError(f"must be a text of {least} to {most} characters")
        return value

    return BeforeValidator(check, json_schema_input_type=Annotated[str, Field(min_length=least, max_length=most)])


# Long enough for a sentence, short enough that hashing it is no attack.
Password = Annotated[str, concealed(12, 256), Field(description="At least 12 characters.")]
AnyPassword = Annotated[str, concealed(1, 256)]
Token = Annotated[str, Field(min_length=1, max_length=512)]


class LoginBody(Body):
    email: Email
    password: AnyPassword
    organisation_id: Id | None = Field(None, description="Which of your organisations; by default the oldest.")


class RefreshBody(Body):
    refresh_token: Token
    organisation_id: Id | None = Field(None, description="Another of your organisations, to go on there.")


class VerifyBody(Body):
    """Nothing is asked."""


class LogoutBody(Body):
    everywhere: bool = Field(False, description="Whether to end all your sign-ins, and not only this one.")


class PasswordBody(Body):
    current: AnyPassword | None = Field(None, description="The present password; none for an account that has none.")
    new: Password


class InvitationBody(Body):
    invitation: Token
    password: Password


class AuthorizeBody(Body):
    redirect_uri: str = Field(max_length=2000, description="Where the issuer sends the browser back to; one of its redirect_uris.")


class CallbackBody(Body):
    state: Token = Field(description="As it came with the redirect.")
    session: Token = Field(description="As `authorize` answered it; ties the answer to whoever began.")
    code: str = Field(min_length=1, max_length=4096, description="As it came with the redirect.")


class TokenPair(Answer):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind of token, not a secret
    expires_in: int = Field(description="Seconds the access token is valid.")
    refresh_token: str = Field(description="For one use: the next pair. Using it twice ends the sign-in.")
    user_id: uuid.UUID
    organisation_id: uuid.UUID
    role: Role


class Identified(Answer):
    """Whose key or token was shown."""

    user_id: uuid.UUID
    organisation_id: uuid.UUID
    role: Role
    key_id: uuid.UUID | None = Field(description="The API key; null for a signed-in person.")
    scopes: list[str] = Field(description="What the key is limited to; empty: nothing beyond the role.")

    @classmethod
    def of(cls, principal: Principal) -> Identified:
        return cls(
            user_id=principal.user_id,
            organisation_id=principal.organisation_id,
            role=principal.role,
            key_id=principal.key_id,
            scopes=sorted(principal.scopes),
        )


class Issuer(Answer):
    name: str
    issuer: str
    client_id: str


class Authorization(Answer):
    authorization_url: str = Field(description="Send the browser there.")
    session: str = Field(description="Keep it, and send it with the callback.")
