"""The layered self-check (分层自检) of a connected upstream, and the quality rules of its
folder.
"""

from __future__ import annotations

from adapters.kit.checks.examine import Examination, Result, examine, probe
from adapters.kit.checks.layers import Check, Layer
from adapters.kit.checks.quality import Finding, check_folder

__all__ = ["Check", "Examination", "Finding", "Layer", "Result", "check_folder", "examine", "probe"]
