"""The policy in force: the product's rules with a deployment's own laid over them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from identity.errors import ActionNotForUserType
from identity.model import UserType
from identity.policy.model import Action
from identity.policy.options import Rule


class PolicyBook:
    """动作策略 by action, user type and amount; a later rule of the same key replaces an
    earlier one.

    Raises ValueError unless every action that has a rule also has one from 0 分 on.
    """

    def __init__(self, rules: Iterable[Rule], *, version: int) -> None:
        self.version = version
        self._rules: dict[tuple[Action, UserType], list[Rule]] = {}
        newest = {rule.key: rule for rule in rules}
        for rule in sorted(newest.values(), key=lambda rule: rule.from_fen):
            self._rules.setdefault((rule.action, rule.user_type), []).append(rule)
        if any(found[0].from_fen for found in self._rules.values()):
            raise ValueError("an action has rules for large amounts only")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return every rule in force."""
        return tuple(rule for found in self._rules.values() for rule in found)

    def rule(self, action: Action, user_type: UserType, amount_fen: int = 0) -> Rule:
        """Return the rule for an action; raise ActionNotForUserType where there is none."""
        found = self._rules.get((action, user_type))
        if found is None:
            raise ActionNotForUserType(action=action)
        return [rule for rule in found if rule.from_fen <= amount_fen][-1]


def bundled(overrides: Iterable[Rule] = ()) -> PolicyBook:
    """Return the product's policy with the rules of a deployment over it."""
    text = files("identity.policy").joinpath("actions.toml").read_text("utf-8")
    return read(tomllib.loads(text), overrides)


def read(document: Mapping[str, Any], overrides: Iterable[Rule] = ()) -> PolicyBook:
    """Return the policy of a parsed file. Raises ValueError (pydantic's for a bad rule)."""
    rules = [Rule.model_validate(entry) for entry in document["rule"]]
    return PolicyBook([*rules, *overrides], version=int(document["version"]))
