"""The signatures of Zhejiang: HMAC headers of the IRS gateway, and MD5 of the person flow."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlencode

from adapters.upstreams.zj_irs.wire import (
    ACCESS_KEY_HEADER,
    ALGORITHM,
    ALGORITHM_HEADER,
    DATE_HEADER,
    SIGNATURE_HEADER,
)


def gateway_signature(
    secret_key: str, method: str, path: str, query: Mapping[str, str], access_key: str, date: str
) -> str:
    """Return base64 of HMAC-SHA256 over method, path, sorted query, access key and date.

    Every line ends with a line feed, the last one too; the body is not covered (IRS access
    handbook).
    """
    text = f"{method}\n{path}\n{urlencode(sorted(query.items()))}\n{access_key}\n{date}\n"
    made = hmac.digest(secret_key.encode(), text.encode(), "sha256")
    return base64.b64encode(made).decode("ascii")


def gateway_headers(
    secret_key: str, access_key: str, method: str, path: str, at: datetime
) -> dict[str, str]:
    """Return the four headers of a call without a query; the date is RFC 1123 with GMT."""
    date = format_datetime(at, usegmt=True)
    return {
        ACCESS_KEY_HEADER: access_key,
        ALGORITHM_HEADER: ALGORITHM,
        DATE_HEADER: date,
        SIGNATURE_HEADER: gateway_signature(secret_key, method, path, {}, access_key, date),
    }


def service_sign(service_code: str, service_password: str, time: str) -> str:
    """Return the ``sign`` of simpleauth: MD5 over service, its password and the time."""
    # MD5 is the dialect's, not a choice of ours.
    text = f"{service_code}{service_password}{time}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()
