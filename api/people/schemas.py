"""Users and organisations, as they look from outside."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, Strict, model_validator

from api.auth.schemas import Email, Password
from api.people.repository import Member
from api.web.principal import Role
from api.web.schema import Answer, Body, FormBody

RoleName = Annotated[Role, Strict(False)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Id = Annotated[uuid.UUID, Strict(False)]


class UserBody(Body):
    email: Email
    name: Name
    role: RoleName = Field(Role.VIEWER, description="viewer reads, editor writes, admin also decides who may.")
    password: Password | None = Field(None, description="Their password; without one the answer carries an invitation to choose it.")


class ChangeBody(Body):
    role: RoleName | None = Field(None, description="Their role in your organisation.")
    is_active: bool | None = Field(None, description="Whether they may sign in; only for somebody who is in no other organisation.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.role is None and self.is_active is None:
            raise ValueError("give 'role' or 'is_active'")
        return self


class NameBody(Body):
    name: Name


class InviteBody(Body):
    """Nothing is asked."""


class UserQuery(FormBody):
    cursor: str = Field("", max_length=320, pattern=r"^[^\x00]*$", description="`next_cursor` of the page before.")
    limit: int = Field(100, ge=1, le=500, description="Users on a page.")


class RemoveQuery(FormBody):
    hard_delete: bool = Field(False, description="Also erase the account and all it owns; refused for somebody with another organisation.")


class UserEntry(Answer):
    id: uuid.UUID
    email: str
    name: str
    role: Role
    is_active: bool
    keycloak_id: str | None = Field(description="Their subject at the issuer they come from.")
    created_at: datetime

    @classmethod
    def of(cls, member: Member) -> UserEntry:
        user = member.user
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            role=member.role,
            is_active=user.is_active,
            keycloak_id=user.keycloak_id,
            created_at=user.created_at,
        )


class UserPage(Answer):
    """By e-mail."""

    users: list[UserEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class NewUser(Answer):
    user: UserEntry
    invitation: str | None = Field(description="For POST /api/v1/auth/invitation; shown only now. Null where a password is set.")


class OrganisationEntry(Answer):
    id: uuid.UUID
    name: str
    role: Role = Field(description="Yours there.")
    created_at: datetime
