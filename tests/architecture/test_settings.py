"""Settings: no secret has a value of its own, and only one module reads the environment."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module

import pytest
from pydantic import BaseModel, SecretStr

from tests.support.sources import PACKAGES, modules

SECRET_WORDS = {"secret", "secrets", "password", "token", "key", "keys", "credentials"}
READER = "gateway.settings"


def models() -> list[type[BaseModel]]:
    members = vars(import_module(READER)).values()
    return [
        item
        for item in members
        if inspect.isclass(item) and issubclass(item, BaseModel) and item.__module__ == READER
    ]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_a_secret_has_no_value_of_its_own(model):
    for name, field in model.model_fields.items():
        if name.split("_")[-1] not in SECRET_WORDS and field.annotation is not SecretStr:
            continue
        default = field.get_default(call_default_factory=True, validated_data={})
        value = default.get_secret_value() if isinstance(default, SecretStr) else default
        assert field.is_required() or not value, name


def test_only_settings_read_the_environment():
    # kernel.crypto finds the system's library by its own means, never by a variable.
    readers = {
        module.name
        for module in modules(*PACKAGES, "migrations")
        if any(
            isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
            for node in ast.walk(ast.parse(module.text))
        )
    }
    assert readers <= {READER}
