"""Tokens of batches are worth what they say, for minutes, and nothing else is one."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from joserfc import jwt

from api.auth.tokens import AccessTokens
from cluster.batches.tokens import ISSUER, TYPE, BatchTokens
from cluster.errors import Unauthorized
from cluster.home import Home
from cluster.settings import AuthSettings
from cluster.signing import ALGORITHM, SigningKeys

BATCH = uuid.uuid4()


@pytest.fixture
def keys(tmp_path):
    return SigningKeys(tmp_path / "keys" / "tokens.json")


def forged(keys: SigningKeys, typ: str = TYPE, **changes: Any) -> str:
    key = keys.current()
    claims = {"iss": ISSUER, "sub": str(BATCH), "iat": 1, "exp": 4_000_000_000} | changes
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": typ}, claims, key, algorithms=[ALGORITHM])


def test_a_token_names_its_batch_to_whoever_has_the_key(tmp_path):
    home = Home(tmp_path)
    assert BatchTokens.of(home).read(BatchTokens.of(home).issue(BATCH)).batch_id == BATCH
    assert home.signing_keys.stat().st_mode & 0o077 == 0


def test_what_is_not_one_is_refused(keys, tmp_path):
    tokens = BatchTokens(keys)
    assert tokens.read(forged(keys)).batch_id == BATCH
    access = AccessTokens(keys, AuthSettings()).issue(uuid.uuid4(), uuid.uuid4(), uuid.uuid4())
    others = BatchTokens(SigningKeys(tmp_path / "others.json")).issue(BATCH)
    wrong = [access, others, "x", forged(keys, exp=2), forged(keys, typ="at+jwt"), forged(keys, iss="hearth"), forged(keys, sub="x")]
    for token in wrong:
        with pytest.raises(Unauthorized):
            tokens.read(token)


def test_it_is_no_access_token(keys):
    with pytest.raises(Unauthorized):
        AccessTokens(keys, AuthSettings()).read(BatchTokens(keys).issue(BATCH))
