"""Makes the trust store of the settings: roots, what may lie between, and revocation lists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from e_seal import RevocationFolder, SealOptions, TrustStore
from gateway.settings import BadSettings


def trust_of(options: SealOptions) -> TrustStore:
    """Return what the settings trust. Raises BadSettings."""
    roots, between = options.trust_anchors_file, options.intermediates_file
    return trust_from(
        [] if roots is None else [Path(roots)],
        [] if between is None else [Path(between)],
        None if options.revocation_lists is None else Path(options.revocation_lists),
    )


def trust_from(
    roots: Iterable[Path], between: Iterable[Path] = (), revocation_lists: Path | None = None
) -> TrustStore:
    """Return the store of PEM files and a folder (or file) of CRLs. Raises BadSettings."""
    source = None if revocation_lists is None else RevocationFolder(revocation_lists)
    try:
        return TrustStore.from_pem(_texts(roots), _texts(between), source)
    except ValueError as exc:
        raise BadSettings(f"seal: certificates: {exc}") from exc


def _texts(paths: Iterable[Path]) -> str:
    return "\n".join(_text(path) for path in paths)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as exc:
        raise BadSettings(f"seal: {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise BadSettings(f"seal: {path}: {exc}") from exc
