"""Templates are read strictly: whatever nobody can fill is refused before a document is made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cases.forms import BadTemplate, ValueMissing, newest
from gateway.cases.forms.templates import bundled, read_template
from gateway.cases.model import DocumentKind

GOOD = """
id = "x"
version = 1
kind = "GRANT"
title = "决定书"
[[part]]
text = "{applicant}：{reason}"
[[part]]
text = "已缴清 {fee_yuan}"
when = "fee_paid"
[[part]]
rows = [["事项", "{item}", "ItemName"]]
"""
VALUES = {"applicant": "张明轩", "reason": "{item} {}", "item": "许可"}


def test_placeholders_are_filled_and_values_are_not_read_again():
    parts = list(read_template(GOOD).fill(VALUES))
    assert [part.text for part in parts] == ["张明轩：{item} {}", ""]
    assert [(row.label, row.value, row.tag) for row in parts[1].rows] == [
        ("事项", "许可", "ItemName")
    ]


def test_a_part_is_left_out_unless_its_condition_holds():
    with_fee = {**VALUES, "fee_paid": "1", "fee_yuan": "80.00"}
    assert [part.text for part in read_template(GOOD).fill(with_fee)][1] == "已缴清 80.00"
    with pytest.raises(ValueMissing, match="fee_yuan"):
        list(read_template(GOOD).fill({**VALUES, "fee_paid": "1"}))


@pytest.mark.parametrize("name", ["applicant", "reason", "item"])
@pytest.mark.parametrize("value", ["", None])
def test_missing_and_empty_values_are_errors(name, value):
    values = {key: text for key, text in VALUES.items() if key != name}
    if value is not None:
        values[name] = value
    with pytest.raises(ValueMissing, match=name):
        list(read_template(GOOD).fill(values))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{reason}", "{no_such_thing}"),
        ("{reason}", "{reason.__class__}"),
        ("{reason}", "{reason!r}"),
        ("{reason}", "{reason:>9}"),
        ("{reason}", "{}"),
        ("{reason}", "{0}"),
        ("{reason}", "{reason"),
        ("{reason}", "}"),
        ('when = "fee_paid"', 'when = "nothing"'),
        ('kind = "GRANT"', 'kind = "LETTER"'),
        ('kind = "GRANT"', ""),
        ("version = 1", "version = 0"),
        ("version = 1", 'version = "one"'),
        ('title = "决定书"', 'title = " "'),
        ('title = "决定书"', 'titel = "决定书"\ntitle = "决定书"'),
        ('"ItemName"]]', '"ItemName", "more"]]'),
        ('rows = [["事项", "{item}", "ItemName"]]', 'text = "a"\nrows = []'),
        ('when = "fee_paid"', 'wenn = "fee_paid"'),
        ("[[part]]", "[[part"),
    ],
)
def test_bad_templates_are_refused(old, new):
    assert old in GOOD
    with pytest.raises(BadTemplate):
        read_template(GOOD.replace(old, new))


@given(st.text(max_size=300))
def test_any_text_is_a_template_or_a_bad_one(text):
    with pytest.raises(BadTemplate):
        read_template(text)


@pytest.mark.parametrize("kind", DocumentKind)
@pytest.mark.parametrize("is_permit", [True, False])
def test_every_kind_has_a_template(kind, is_permit):
    template = newest(kind, is_permit=is_permit)
    assert (template.kind, template.permit in {None, is_permit}) == (kind, True)
    assert bundled()[template.id, template.version] is template
