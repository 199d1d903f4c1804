"""The one-time cookie that ties a login's way through the province to one browser."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.container import Container

_SECONDS: Final = 600


def _secure(services: Container) -> bool:
    return services.settings.server.public_url.startswith("https://")


def _name(services: Container) -> str:
    # The __Host- prefix demands Secure, which a demonstration over plain HTTP cannot have.
    return "__Host-login" if _secure(services) else "onewindow-login"


def login_cookie(services: Container, request: Request) -> str | None:
    """Return the cookie's value."""
    return request.cookies.get(_name(services))


def set_login_cookie(services: Container, response: Response, value: str) -> None:
    """Set the cookie for ten minutes."""
    response.set_cookie(
        _name(services),
        value,
        max_age=_SECONDS,
        path="/",
        secure=_secure(services),
        httponly=True,
        samesite="lax",
    )


def drop_login_cookie(services: Container, response: Response) -> None:
    """Delete the cookie."""
    response.delete_cookie(_name(services), path="/", secure=_secure(services))
