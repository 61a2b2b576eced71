"""``/api/v1/auth``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.audit.trail import WithOrigin
from api.auth.identity import WithIdentity
from api.auth.schemas import (
    Authorization,
    AuthorizeBody,
    CallbackBody,
    Identified,
    InvitationBody,
    Issuer,
    LoginBody,
    LogoutBody,
    PasswordBody,
    RefreshBody,
    TokenPair,
    VerifyBody,
)
from api.auth.service import SignIns
from api.auth.visits import Visits
from api.web.answers import Success, success
from api.web.authenticate import bearer
from api.web.bodies import json_body
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])

PAIR = {
    "status": "success",
    "data": {
        "access_token": "eyJhbGciOiJFUzI1NiJ9.e30.c2ln",
        "token_type": "Bearer",
        "expires_in": 900,
        "refresh_token": "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE",
        "user_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
        "organisation_id": "5b1c7d2e-8f3a-4b6c-9d0e-1f2a3b4c5d6e",
        "role": "editor",
    },
}
WHO: dict[str, str | list[str] | None] = {
    "user_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "organisation_id": "5b1c7d2e-8f3a-4b6c-9d0e-1f2a3b4c5d6e",
    "role": "editor",
    "key_id": None,
    "scopes": [],
}
DONE = {"status": "success", "data": None}
ISSUER = {"name": "keycloak", "issuer": "https://id.example.org/realms/home", "client_id": "hearth"}
AWAY = {"authorization_url": "https://id.example.org/realms/home/protocol/openid-connect/auth?state=...", "session": "c2Vzc2lvbg"}
ERRORS = (*WORKING, 401, 403, 409)


async def sign_ins(identity: WithIdentity, origin: WithOrigin) -> SignIns:
    return SignIns(identity, origin)


async def visits(identity: WithIdentity, origin: WithOrigin) -> Visits:
    return Visits(identity, origin)


WithSignIns = Annotated[SignIns, Depends(sign_ins)]
WithVisits = Annotated[Visits, Depends(visits)]
IssuerName = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$", description="Name of a configured issuer.")]


@router.post(
    "/login",
    summary="Sign in with a password",
    response_model=Success[TokenPair],
    responses=responses(PAIR, ERRORS),
    openapi_extra=json_request(LoginBody, {"email": "ada@example.org", "password": "correct horse battery"}),
)
async def login(body: Annotated[LoginBody, Depends(json_body(LoginBody, Unprocessable))], service: WithSignIns) -> Response:
    """An access token for some minutes, and a refresh token for the next. After several failures each try waits longer: 429."""
    return success(await service.login(body.email, body.password, body.organisation_id))


@router.post(
    "/verify",
    summary="Whose key or token is this?",
    response_model=Success[Identified],
    responses=responses({"status": "success", "data": WHO}, ERRORS),
    openapi_extra=json_request(VerifyBody, {}),
)
async def verify(_: Annotated[VerifyBody, Depends(json_body(VerifyBody, Unprocessable))], principal: AsViewer) -> Response:
    """Says who the bearer of the Authorization header is, in which organisation, and what they may do; 401 for nobody's."""
    return success(Identified.of(principal))


@router.post(
    "/refresh",
    summary="Stay signed in",
    response_model=Success[TokenPair],
    responses=responses(PAIR, ERRORS),
    openapi_extra=json_request(RefreshBody, {"refresh_token": "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE"}),
)
async def refresh(body: Annotated[RefreshBody, Depends(json_body(RefreshBody, Unprocessable))], service: WithSignIns) -> Response:
    """The next pair of tokens. A refresh token is good for one use; using it again ends the sign-in, because one of two is a thief."""
    return success(await service.refresh(body.refresh_token, body.organisation_id))


@router.post(
    "/logout",
    summary="Sign out",
    response_model=Success[None],
    responses=responses(DONE, ERRORS),
    openapi_extra=json_request(LogoutBody, {"everywhere": False}),
)
async def logout(
    request: Request, body: Annotated[LogoutBody, Depends(json_body(LogoutBody, Unprocessable))], service: WithSignIns, principal: AsViewer
) -> Response:
    """Ends the sign-in that the access token belongs to: its refresh token at once, the access token within auth.cache_s seconds."""
    await service.logout(principal, bearer(request.headers), everywhere=body.everywhere)
    return success(None)


@router.post(
    "/password",
    summary="Change your password",
    response_model=Success[None],
    responses=responses(DONE, ERRORS),
    openapi_extra=json_request(PasswordBody, {"current": "correct horse battery", "new": "staple correct horse"}),
)
async def change_password(
    body: Annotated[PasswordBody, Depends(json_body(PasswordBody, Unprocessable))], service: WithSignIns, principal: AsViewer
) -> Response:
    """Sets your own password, or the first one of an account without, and ends all your sign-ins. API keys stay."""
    await service.change_password(principal, body.current, body.new)
    return success(None)


@router.post(
    "/invitation",
    summary="Accept an invitation",
    response_model=Success[None],
    responses=responses(DONE, ERRORS),
    openapi_extra=json_request(InvitationBody, {"invitation": "aW52aXRhdGlvbg", "password": "correct horse battery"}),
)
async def accept_invitation(
    body: Annotated[InvitationBody, Depends(json_body(InvitationBody, Unprocessable))], service: WithSignIns
) -> Response:
    """Chooses the password of an account that an admin made for you. An invitation is good for one use, for some days."""
    await service.accept(body.invitation, body.password)
    return success(None)


@router.get(
    "/oidc",
    summary="Issuers to sign in at",
    response_model=Success[list[Issuer]],
    responses=responses({"status": "success", "data": [ISSUER]}, READING),
)
async def list_issuers(identity: WithIdentity) -> Response:
    """The OpenID Connect issuers (Keycloak or any other) whose people may sign in here. Their access tokens are taken as they are, too."""
    told = [issuer.settings for issuer in identity.issuers.values()]
    return success([Issuer(name=one.name, issuer=one.issuer, client_id=one.client_id) for one in told])


@router.post(
    "/oidc/{issuer}/authorize",
    summary="Begin to sign in at an issuer",
    response_model=Success[Authorization],
    responses=responses({"status": "success", "data": AWAY}, ERRORS),
    openapi_extra=json_request(AuthorizeBody, {"redirect_uri": "http://localhost:3000/signed-in"}),
)
async def authorize(
    issuer: IssuerName, body: Annotated[AuthorizeBody, Depends(json_body(AuthorizeBody, Unprocessable))], service: WithVisits
) -> Response:
    """Where to send the browser. It comes back to redirect_uri with `code` and `state`, which the callback takes within ten minutes."""
    return success(await service.begin(issuer, body))


@router.post(
    "/oidc/{issuer}/callback",
    summary="End signing in at an issuer",
    response_model=Success[TokenPair],
    responses=responses(PAIR, ERRORS),
    openapi_extra=json_request(CallbackBody, {"state": "c3RhdGU", "session": "c2Vzc2lvbg", "code": "Y29kZQ"}),
)
async def callback(
    issuer: IssuerName, body: Annotated[CallbackBody, Depends(json_body(CallbackBody, Unprocessable))], service: WithVisits
) -> Response:
    """Tokens of ours for the code that the issuer sent. The first time, the person becomes a user, with the role that the issuer says."""
    return success(await service.end(issuer, body))
