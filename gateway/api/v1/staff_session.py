"""Signing in of staff (工作人员登录): password, second factor, session cookie, new password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, SecretStr
from starlette.responses import JSONResponse, Response

from gateway.api.body import JsonBody, Posted
from gateway.api.callers import (
    Services,
    Somebody,
    address_of,
    capacity_key,
    require_same_site,
    sid_cookie,
)
from gateway.api.noted import note_refusal
from gateway.api.peer import through_proxy
from gateway.container import Container
from identity import FactorMethod, Identified, StaffSession
from kernel.errors import Forbidden, Text

router = APIRouter(prefix="/v1/staff", tags=["staff session 工作人员登录"])

_NO_CONTENT: Final = 204
_FINGERPRINT: Final = 64


class ForgedProxyHeader(Forbidden):
    """A header that only the trusted proxy may set came from somewhere else."""

    code = "forged_proxy_header"
    title = Text("请求头来源不可信", "A proxy's header from elsewhere")
    clerk = Text("证书信息只接受受信代理转交。", "Certificates are taken from the proxy only.")


class Login(Posted):
    """The first step."""

    login: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=1024)]


class Challenge(BaseModel):
    """What the second step needs. ``enrol`` is to be scanned when no factor is set up yet."""

    challenge: str
    expires_at: datetime
    methods: list[FactorMethod]
    enrol: str | None


class Factor(Posted):
    """The second step; a certificate has no code."""

    challenge: Annotated[str, Field(max_length=64)]
    method: FactorMethod
    code: Annotated[SecretStr, Field(max_length=64)] = SecretStr("")


class Role(BaseModel):
    """One role of the caller; ``key`` goes into the header Onewindow-Acting-As."""

    key: str
    role: str
    department: str
    region: str


class Me(BaseModel):
    """Who is signed in."""

    staff_id: str
    name: str
    roles: list[Role]
    amr: list[str]
    expires_at: datetime | None
    password_due: bool
    csrf_token: str | None = None

    @classmethod
    def of(cls, who: Identified, csrf_token: str | None) -> Me:
        """Return what a caller may know about itself."""
        session = who.session
        return cls(
            staff_id=who.account.id,
            name=who.account.name,
            roles=[
                Role(
                    key=capacity_key(member),
                    role=member.role.value,
                    department=member.department,
                    region=member.region,
                )
                for member in who.members
            ],
            amr=[] if session is None else session.amr.split(" "),
            expires_at=None if session is None else session.expires_at,
            password_due=who.password_due,
            csrf_token=csrf_token,
        )


class SignedIn(BaseModel):
    """A session; its secret is in the cookie. Recovery codes are shown this once."""

    csrf_token: str
    expires_at: datetime
    password_due: bool
    recovery_codes: list[str]


class SessionRow(BaseModel):
    """One session of the caller."""

    session_id: str
    is_this: bool
    amr: list[str]
    src_ip: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, session: StaffSession, mine: StaffSession | None) -> SessionRow:
        """Return one line of the list."""
        return cls(
            session_id=session.id,
            is_this=mine is not None and mine.id == session.id,
            amr=session.amr.split(" "),
            src_ip=session.src_ip,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            expires_at=session.expires_at,
        )


class Password(Posted):
    """A change of one's own password."""

    old: Annotated[SecretStr, Field(max_length=1024)]
    new: Annotated[SecretStr, Field(max_length=1024)]


async def _certificate(request: Request, services: Container) -> str | None:
    """Return the fingerprint that the trusted proxy handed over. Raises ForgedProxyHeader."""
    name = services.settings.staff.certificate_header
    values = [] if name is None else request.headers.getlist(name)
    if not values:
        return None
    is_ours = through_proxy(request.scope, services.settings.server.trusted_proxies)
    if not is_ours or len(values) != 1:
        await note_refusal(services, "unknown", "staff.login", ForgedProxyHeader.code)
        raise ForgedProxyHeader("the certificate header did not come from the trusted proxy")
    given = values[0].replace(":", "").lower()
    return given if len(given) == _FINGERPRINT else None


def _with_cookie(services: Container, response: Response, sid: str, seconds: int) -> Response:
    response.set_cookie(
        sid_cookie(services),
        sid,
        max_age=seconds,
        path="/",
        secure=services.settings.server.public_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/session/password", response_model=Challenge)
async def begin(
    request: Request, services: Services, body: Annotated[Login, Depends(JsonBody(Login))]
) -> Challenge:
    """Check name and password; every failure looks the same (401), too many tries are 423."""
    require_same_site(request)
    await _certificate(request, services)
    accepted = await services.staff.login.begin(
        body.login, body.password.get_secret_value(), address_of(request)
    )
    return Challenge(
        challenge=accepted.challenge,
        expires_at=accepted.expires_at,
        methods=list(accepted.methods),
        enrol=accepted.enrol,
    )


@router.post("/session/factor", response_model=SignedIn)
async def finish(
    request: Request, services: Services, body: Annotated[Factor, Depends(JsonBody(Factor))]
) -> Response:
    """Check the second factor and open a session under a new secret, set as a cookie."""
    require_same_site(request)
    opened = await services.staff.login.finish(
        body.challenge,
        body.method,
        body.code.get_secret_value(),
        await _certificate(request, services),
        address_of(request),
    )
    answer = SignedIn(
        csrf_token=services.staff.sessions.csrf_token(opened.sid),
        expires_at=opened.session.expires_at,
        password_due=opened.password_due,
        recovery_codes=list(opened.recovery_codes),
    )
    response = JSONResponse(answer.model_dump(mode="json"))
    return _with_cookie(services, response, opened.sid, services.settings.staff.absolute_seconds)


@router.get("/session")
async def me(request: Request, services: Services, who: Somebody) -> Me:
    """Show who is signed in, in which roles, and the CSRF token of the session."""
    sid = request.cookies.get(sid_cookie(services), "")
    token = None if who.session is None else services.staff.sessions.csrf_token(sid)
    return Me.of(who, token)


@router.delete("/session", status_code=_NO_CONTENT)
async def logout(services: Services, who: Somebody) -> Response:
    """End the session."""
    if who.session is not None:
        await services.staff.sessions.end(who.account.id, who.session.id)
    return _with_cookie(services, Response(status_code=_NO_CONTENT), "", 0)


@router.get("/sessions")
async def sessions(services: Services, who: Somebody) -> list[SessionRow]:
    """List the caller's living sessions, newest first."""
    found = await services.staff.sessions.mine(who.account.id)
    return [SessionRow.of(one, who.session) for one in found]


@router.delete("/sessions/{session_id}", status_code=_NO_CONTENT)
async def end_session(services: Services, who: Somebody, session_id: str) -> Response:
    """End another session of the caller."""
    await services.staff.sessions.end(who.account.id, session_id)
    return Response(status_code=_NO_CONTENT)


@router.post("/password", status_code=_NO_CONTENT)
async def change_password(
    request: Request,
    services: Services,
    who: Somebody,
    body: Annotated[Password, Depends(JsonBody(Password))],
) -> Response:
    """Change the caller's password; its other sessions end."""
    await services.staff.sessions.change_password(
        who,
        body.old.get_secret_value(),
        body.new.get_secret_value(),
        address_of(request),
    )
    return Response(status_code=_NO_CONTENT)
