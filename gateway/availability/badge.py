"""A small picture of an item's status to embed (状态徽标): SVG without script, in one language."""

from __future__ import annotations

from typing import Final

from gateway.availability import wording
from gateway.availability.model import Status

_COLOURS: Final = {
    Status.AVAILABLE: "#1a7f37",
    Status.DEGRADED: "#9a6700",
    Status.TEMPORARILY_UNAVAILABLE: "#b42318",
    Status.OFFLINE_ONLY: "#57606a",
    Status.NOT_ONBOARDED: "#57606a",
}
_WIDE: Final = 13
_NARROW: Final = 7
_ASCII: Final = 128


def badge(status: Status, *, chinese: bool) -> str:
    """Return the picture; its text is ours, so nothing needs escaping."""
    text = wording.title(status).zh if chinese else wording.title(status).en
    width = 20 + sum(_NARROW if ord(one) < _ASCII else _WIDE for one in text)
    language = "zh-CN" if chinese else "en"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="24" role="img" '
        f'xml:lang="{language}" aria-label="{text}"><title>{text}</title>'
        f'<rect width="{width}" height="24" rx="4" fill="{_COLOURS[status]}"/>'
        f'<text x="{width // 2}" y="16" fill="#fff" font-size="12" text-anchor="middle" '
        f'font-family="sans-serif">{text}</text></svg>'
    )
