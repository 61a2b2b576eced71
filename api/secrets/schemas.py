"""Secrets, as they look from outside: values go in, and come out only where one is asked for by name."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.auth.schemas import concealed
from api.web.schema import Answer, Body
from cluster.secrets.tables import Secret, SecretVersion

NAME = r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$"
SecretName = Annotated[str, Field(pattern=NAME, description="Letters, digits, `_`, `.` and `-`; referred to as `secret:NAME`.")]
# `repr=False`: should the body ever be printed, the value is not.
Value = Annotated[str, concealed(1, 65_536), Field(repr=False)]
Description = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


class SecretBody(Body):
    name: SecretName
    value: Value
    description: Description = ""


class SecretValueBody(Body):
    value: Value
    description: Description | None = Field(None, description="Null: as it was.")


class SecretEntry(Answer):
    name: str
    description: str
    version: int = Field(description="The current one; each new value counts up.")
    owner_id: uuid.UUID | None = Field(description="Who made it.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, secret: Secret) -> SecretEntry:
        return cls(
            name=secret.name,
            description=secret.description,
            version=secret.version,
            owner_id=secret.owner_id,
            created_at=secret.created_at,
            updated_at=secret.updated_at,
        )


class SecretVersionEntry(Answer):
    version: int
    created_at: datetime

    @classmethod
    def of(cls, version: SecretVersion) -> SecretVersionEntry:
        return cls(version=version.version, created_at=version.created_at)


class SecretValue(Answer):
    name: str
    version: int
    value: str = Field(repr=False)
