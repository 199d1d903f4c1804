"""What the kit tells people: redaction, unknown codes, metrics, drills' verdicts, golden
vectors.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from adapters.kit.conformance.drills import ACTIONS, judge
from adapters.kit.conformance.vectors import Vector, plain, run_vector, vector_files
from adapters.kit.manifest import Operation
from adapters.kit.redact import HIDDEN, Redactor
from adapters.kit.registry import Found
from adapters.kit.telemetry import RECENT_CALLS, Attempt, Outcome, Telemetry
from kernel.clock import FrozenClock
from kernel.errors import (
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from tests.unit.kit.upstream import manifest

CLOCK = FrozenClock(datetime(2026, 3, 2, 4, 0, tzinfo=UTC))
ID_NUMBER = "370102199003071238"


def _redactor() -> Redactor:
    return Redactor(
        manifest(
            redact={"json": ["holderName"], "form": ["mobile"], "xml": ["ZJHM", "XM"]},
            personal_data=["name"],
        )
    )


def test_declared_fields_and_secrets_are_hidden_in_every_form() -> None:
    redactor = _redactor()
    shown = redactor.json(
        {
            "holderName": "张",
            "rows": [{"HOLDERNAME": {"x": 1}}],
            "n": 1,
            "access_token": "t",
            "z": None,
        }
    )
    assert shown == {
        "holderName": HIDDEN,
        "rows": [{"HOLDERNAME": HIDDEN}],
        "n": 1,
        "access_token": HIDDEN,
        "z": None,
    }
    form = redactor.body("application/x-www-form-urlencoded", "mobile=1&a=好".encode())
    assert form == "mobile=***&a=%E5%A5%BD"
    xml = "<a><ZJHM>1</ZJHM><ns:XM type='1'>张</ns:XM><XMX>keep</XMX></a>"
    assert redactor.body("application/xml", xml.encode()) == (
        "<a><ZJHM>***</ZJHM><ns:XM type='1'>***</ns:XM><XMX>keep</XMX></a>"
    )
    assert redactor.headers({"Authorization": "Bearer x", "accept": "a"}) == {
        "Authorization": HIDDEN,
        "accept": "a",
    }
    assert redactor.body("image/png", b"1234") == "(4 bytes)"
    assert redactor.body("application/json", b"{") == "(1 bytes of broken JSON)"


@given(st.text(), st.sampled_from([ID_NUMBER, "37010219900307123X", "13800001111"]), st.text())
def test_what_looks_like_an_id_or_a_phone_is_hidden_anywhere(
    before: str, number: str, after: str
) -> None:
    shown = _redactor().json({"note": f"{before} {number} {after}"})
    assert number not in shown["note"] or number in before + after


def test_unknown_codes_are_counted_and_what_is_no_code_is_not_written_down() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, CLOCK)
    with capture_logs() as lines:
        telemetry.unknown("up", "status", "NEW_STATE")
        telemetry.unknown("up", "status", "NEW_STATE")
        telemetry.unknown("up", "status", ID_NUMBER)
    assert telemetry.unknown_codes() == {
        ("up", "status", "NEW_STATE"): 2,
        ("up", "status", "(18 characters)"): 1,
    }
    assert ID_NUMBER not in str(lines)
    text = generate_latest(registry).decode()
    assert 'onewindow_upstream_unknown_codes_total{field="status",upstream="up"} 3.0' in text


def test_the_latest_calls_are_kept_newest_first_and_bounded() -> None:
    telemetry = Telemetry(CollectorRegistry(), CLOCK)
    for number in range(RECENT_CALLS + 10):
        name = "even" if number % 2 == 0 else "odd"
        telemetry.finished(name, "ask", Attempt(number, CLOCK.monotonic()), Outcome.OK)
    recent = telemetry.recent()
    assert len(recent) == RECENT_CALLS
    assert recent[0].attempt == RECENT_CALLS + 9
    assert {record.upstream for record in telemetry.recent("odd")} == {"odd"}


SAFE, KEYED, UNSAFE = Operation(safe=True), Operation(keyed=True), Operation()


@pytest.mark.parametrize(
    ("spec", "action", "raised", "fine"),
    [
        (UNSAFE, "timeout_after", UpstreamOutcomeUnknown(), True),
        (UNSAFE, "timeout_after", UpstreamUnavailable(), False),
        (UNSAFE, "malformed", UpstreamProtocolError(), False),
        (UNSAFE, "html", None, False),
        (UNSAFE, "nowhere", UpstreamUnavailable(), True),
        (UNSAFE, "nowhere", UpstreamOutcomeUnknown(), False),
        (UNSAFE, "slow", None, True),
        (UNSAFE, "slow", UpstreamOutcomeUnknown(), False),
        (UNSAFE, "duplicate", UpstreamRejected(), True),
        (UNSAFE, "duplicate", UpstreamOutcomeUnknown(), False),
        (KEYED, "timeout_before", None, True),
        (KEYED, "timeout_before", UpstreamUnavailable(), False),
        (SAFE, "error", UpstreamUnavailable(), True),
        (SAFE, "malformed", UpstreamProtocolError(), True),
        (SAFE, "malformed", UpstreamRejected(), False),
        (SAFE, "nowhere", None, False),
    ],
)
def test_verdicts(spec: Operation, action: str, raised: UpstreamError | None, fine: bool) -> None:
    assert action in ACTIONS
    assert (judge(spec, action, raised, quiet=False) == "") is fine


def test_vectors_compare_plain_values_and_errors() -> None:
    found = Found(manifest(), Path(), "adapters.kit")
    hidden = Vector(
        name="v",
        call="manifest:Operation",
        kwargs={"safe": True},
        expect=plain(Operation(safe=True)),
        source="none",
    )
    run_vector(found, hidden)
    with pytest.raises(AssertionError, match="got"):
        run_vector(found, hidden.model_copy(update={"kwargs": {"keyed": True}}))
    both = {"safe": True, "keyed": True}
    failing = hidden.model_copy(update={"kwargs": both, "expect": None, "raises": "ValueError"})
    run_vector(found, failing)
    with pytest.raises(AssertionError, match="was not raised"):
        run_vector(found, failing.model_copy(update={"kwargs": {}}))
    assert plain({"a": (b"\x01", {"y", "x"})}) == {"a": [{"hex": "01"}, ["x", "y"]]}


def test_a_vector_file_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vectors").mkdir()
    file = tmp_path / "vectors" / "x.toml"
    file.write_text('[[vector]]\nname = "x"\ncall = "a:b"\nsource = "s"\n', "utf-8")
    with pytest.raises(ValueError, match="either expect or raises"):
        list(vector_files(tmp_path))
