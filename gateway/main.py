"""Makes the HTTP application out of a container."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from gateway.api import health, oauth, openapi, problems
from gateway.api.hot import HotReads
from gateway.api.limiter import Limiter
from gateway.api.middleware import Surroundings
from gateway.api.v1 import (
    auth,
    availability,
    callbacks,
    cases,
    clients,
    documents,
    event_stream,
    events,
    issued_licences,
    items,
    licence_uses,
    mandates,
    materials,
    organisations,
    payables,
    payments,
    prechecks,
    proofings,
    public_documents,
    public_verification,
    refunds,
    seal_acts,
    staff,
    staff_accounts,
    staff_audit,
    staff_availability,
    staff_licences,
    staff_materials,
    staff_payments,
    staff_recon,
    staff_session,
    stepup,
    uploads,
    verification,
    webhooks,
)
from gateway.container import Container
from gateway.portal import check, pages

VERSION: Final = "0.1.0"
MAX_BODY: Final = 64 * 1024
_DESCRIPTION: Final = (
    "One acceptance interface (一窗受理) in front of identity, e-licence, e-seal and non-tax "
    "payment systems. Every write takes an Idempotency-Key; every error is a problem with a "
    "stable code and texts for the citizen, the clerk and the engineer."
)
_ROUTERS: Final = (
    auth.router,
    organisations.router,
    stepup.router,
    items.router,
    licence_uses.router,
    prechecks.router,
    availability.router,
    cases.router,
    materials.router,
    payments.router,
    refunds.router,
    payables.router,
    mandates.router,
    documents.router,
    public_documents.router,
    issued_licences.router,
    verification.router,
    public_verification.router,
    events.router,
    clients.router,
    webhooks.router,
    event_stream.router,
    staff_session.router,
    staff_accounts.router,
    staff_audit.router,
    staff_availability.router,
    staff.router,
    staff_materials.router,
    staff_licences.router,
    staff_payments.router,
    staff_recon.router,
    proofings.router,
    seal_acts.router,
)


def create_api(container: Container) -> FastAPI:
    """Return the FastAPI application without its surroundings, for tests and for OpenAPI."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with container.availability.running(tending=False):
            yield
        await container.close()

    app = FastAPI(
        title="OneWindow 一窗",
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        debug=False,
        max_body_size=MAX_BODY,
        docs_url=None,
        redoc_url=None,
    )
    app.state.container = container
    app.state.limiter = Limiter()
    app.state.strangers = public_verification.Strangers()
    problems.install(app)
    for router in _ROUTERS:
        app.include_router(router)
    app.include_router(auth.callbacks)
    app.include_router(oauth.router)
    app.include_router(callbacks.router)
    app.include_router(availability.badges)
    app.include_router(health.router)
    app.include_router(pages.router)
    app.include_router(check.router)
    openapi.install(app)
    return app


def create_app(container: Container) -> ASGIApp:
    """Return the complete application."""
    server = container.settings.server
    usual = Surroundings(
        create_api(container),
        clock=container.clock,
        ids=container.ids,
        trace_id=container.trace_id,
        deadline=container.deadline,
        deadline_seconds=server.deadline_seconds,
        longer=dict.fromkeys(uploads.PATHS, server.upload_deadline_seconds),
        metrics=container.metrics,
        proxies=server.trusted_proxies,
    )
    return HotReads(
        usual, availability=container.availability, ids=container.ids, metrics=container.metrics
    )
