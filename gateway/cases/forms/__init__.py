"""The documents (文书) of a case: versioned templates as data, and what fills and draws them."""

from gateway.cases.forms.compose import Issue, compose
from gateway.cases.forms.templates import BadTemplate, Template, ValueMissing, named, newest

__all__ = [
    "BadTemplate",
    "Issue",
    "Template",
    "ValueMissing",
    "compose",
    "named",
    "newest",
]
