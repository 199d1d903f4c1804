"""Imports every tables module once, so that migrations and tests know all tables; nothing else."""

# A domain adds one line here: ``import identity.tables``.
import e_license.issuing.tables
import e_license.tables  # noqa: F401 - the import is the effect
import e_seal.tables  # noqa: F401 - the import is the effect
import gateway.availability.tables
import gateway.cases.tables
import gateway.catalog.tables
import gateway.events.tables  # noqa: F401 - the import is the effect
import identity.clients.tables
import identity.mandates.tables
import identity.oauth.tables
import identity.proofing.tables
import identity.staff.tables
import identity.stepup.tables
import identity.tables  # noqa: F401 - the import is the effect
import kernel.db.tables  # noqa: F401 - the import is the effect
import payments.reconciliation.tables
import payments.tables  # noqa: F401 - the import is the effect
from kernel.db.base import metadata

__all__ = ["metadata"]
