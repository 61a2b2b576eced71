"""The same operations under two prefixes; the docs show one."""

from __future__ import annotations

from fastapi import APIRouter


def twice(*routers: APIRouter) -> tuple[APIRouter, APIRouter]:
    """``routers`` below ``/api/v1/chat``, and once more, without a word in the docs, below ``/api/chat``."""
    shown, alias = APIRouter(prefix="/api/v1/chat"), APIRouter(prefix="/api/chat", include_in_schema=False)
    for router in routers:
        shown.include_router(router)
        alias.include_router(router)
    return shown, alias
