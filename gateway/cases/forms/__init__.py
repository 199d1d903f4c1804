"""The documents (文书) of a case: versioned templates as data, and what fills and draws them."""

from gateway.cases.forms.compose import Issue, code_of, compose
from gateway.cases.forms.templates import BadTemplate, Template, ValueMissing, named, newest
from gateway.cases.forms.values import day

__all__ = [
    "BadTemplate",
    "Issue",
    "Template",
    "ValueMissing",
    "code_of",
    "compose",
    "day",
    "named",
    "newest",
]
