"""Forged access tokens."""

from __future__ import annotations

import base64
import hmac
import json
import time
import uuid

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from api.auth.tokens import AccessTokens
from cluster.errors import Unauthorized
from cluster.settings import AuthSettings
from cluster.signing import SigningKeys

LATER_S = 3600
IDS = (uuid.uuid4(), uuid.uuid4(), uuid.uuid4())


@pytest.fixture
def keys(tmp_path):
    return SigningKeys(tmp_path / "keys" / "tokens.json")


@pytest.fixture
def tokens(keys):
    return AccessTokens(keys, AuthSettings())


def claims(**changes: object) -> dict[str, object]:
    """``LATER_S`` stands for an hour from now."""
    now = int(time.time())
    changes = {name: now + LATER_S if value == LATER_S else value for name, value in changes.items()}
    good = {"iss": "hearth", "aud": "hearth", "sub": str(IDS[0]), "org": str(IDS[1]), "sid": str(IDS[2]), "iat": now, "exp": now + 60}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(keys: SigningKeys, told: dict[str, object], **header: str) -> str:
    key = keys.current()
    return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"} | header, told, key, algorithms=["ES256"])


def test_a_token_of_ours_is_read(tokens):
    found = tokens.read(tokens.issue(*IDS))
    assert (found.user_id, found.organisation_id, found.family_id) == IDS


def test_the_key_file_is_for_its_owner_only(tokens, keys, tmp_path):
    tokens.issue(*IDS)
    assert (tmp_path / "keys" / "tokens.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody else"},
        {"aud": "another service"},
        {"aud": ["another service"]},
        {"exp": 1},
        {"exp": None},
        {"iss": None},
        {"aud": None},
        {"iat": LATER_S},
        {"nbf": LATER_S},
        {"sub": "no uuid"},
        {"sub": None},
        {"sid": None},
        {"org": ["list"]},
    ],
    ids=str,
)
def test_wrong_claims_are_refused_although_the_signature_is_right(tokens, keys, changes):
    tokens.read(signed(keys, claims()))
    with pytest.raises(Unauthorized):
        tokens.read(signed(keys, claims(**changes)))


def forged(header: dict[str, object], told: dict[str, object], secret: bytes) -> str:
    """By hand, because a good library refuses to. An empty ``secret``: unsigned."""
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, told))
    signature = hmac.new(secret, head + b"." + body, "sha256").digest() if secret else b""
    return b".".join((head, body, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_without_signature_is_refused(tokens, keys, algorithm):
    head, body, _ = tokens.issue(*IDS).split(".")
    none = forged({"alg": algorithm, "typ": "at+jwt", "kid": keys.current().kid}, claims(), b"")
    for unsigned in (none, f"{head}.{body}.", f"{head}.{body}", none + "A" * 86):
        with pytest.raises(Unauthorized):
            tokens.read(unsigned)


@pytest.mark.parametrize("form", ["pem", "der", "json"])
def test_the_public_key_is_no_shared_secret(tokens, keys, form):
    key = keys.current()
    public = {"pem": key.as_pem(private=False), "der": key.as_der(private=False), "json": json.dumps(key.as_dict(private=False)).encode()}
    with pytest.raises(Unauthorized):
        tokens.read(forged({"alg": "HS256", "kid": key.kid, "typ": "at+jwt"}, claims(), public[form]))


def test_a_key_of_somebody_elses_under_our_kid_is_refused(tokens, keys):
    header = {"alg": "ES256", "kid": keys.current().kid, "typ": "at+jwt"}
    with pytest.raises(Unauthorized):
        tokens.read(jwt.encode(header, claims(), ECKey.generate_key("P-256"), algorithms=["ES256"]))
    with pytest.raises(Unauthorized):
        tokens.read(jwt.encode(header | {"alg": "RS256"}, claims(), RSAKey.generate_key(2048), algorithms=["RS256"]))


def test_a_swapped_or_missing_kid_is_refused(tokens, keys):
    old = keys.current()
    keys.rotate()
    for kid in (keys.current().kid, "../../etc/passwd", "' OR 1=1"):
        with pytest.raises(Unauthorized):
            tokens.read(jwt.encode({"alg": "ES256", "kid": kid, "typ": "at+jwt"}, claims(), old, algorithms=["ES256"]))
    with pytest.raises(Unauthorized):
        tokens.read(jwt.encode({"alg": "ES256", "typ": "at+jwt"}, claims(), old, algorithms=["ES256"]))


def test_a_key_that_the_token_brings_along_is_not_used(tokens, keys):
    mine = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "kid": "mine", "typ": "at+jwt", "jwk": mine.as_dict(private=False)}
    with pytest.raises(Unauthorized):
        tokens.read(jwt.encode(header, claims(), mine, algorithms=["ES256"]))


def test_another_kind_of_token_is_refused(tokens, keys):
    with pytest.raises(Unauthorized):
        tokens.read(signed(keys, claims(), typ="JWT"))


@pytest.mark.parametrize("text", ["", "a.b.c", "..", "a" * 5000, "eyJ.eyJ.eyJ", "😀.😀.😀", "a.b.c.d.e"])
def test_what_is_no_token_is_refused(tokens, text):
    with pytest.raises(Unauthorized):
        tokens.read(text)


def test_rotating_once_keeps_tokens_and_twice_ends_them_in_every_process(keys, tokens, tmp_path):
    replica = AccessTokens(SigningKeys(tmp_path / "keys" / "tokens.json"), AuthSettings())
    old = tokens.issue(*IDS)
    replica.read(old)
    keys.rotate()
    replica.read(old)
    replica.read(tokens.issue(*IDS))
    keys.rotate()
    with pytest.raises(Unauthorized):
        replica.read(old)
