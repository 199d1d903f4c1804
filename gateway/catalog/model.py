"""What a service item (政务服务事项) is: who may apply, with what, for how much, until when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from kernel import money
from kernel.divisions import Level, find
from kernel.money import Fen

MAX_TEXT: Final = 1000


class CaseKind(StrEnum):
    """办件类型: decided on the spot or within a promised time (GB/T 39046-2020, A.6)."""

    INSTANT = "INSTANT"
    """即办件"""
    PROMISE = "PROMISE"
    """承诺件"""


class ApplicantType(StrEnum):
    """服务对象, as far as it decides who may apply."""

    NATURAL_PERSON = "NATURAL_PERSON"
    LEGAL_PERSON = "LEGAL_PERSON"


class Necessity(StrEnum):
    """材料必要性."""

    REQUIRED = "REQUIRED"
    """必要"""
    OPTIONAL = "OPTIONAL"
    """非必要"""
    DEFERRABLE = "DEFERRABLE"
    """容缺后补: may follow after acceptance"""


class ExemptMode(StrEnum):
    """免提交方式: by what a material need not be submitted."""

    LICENCE = "LICENCE"
    """电子证照"""
    DATA_SHARE = "DATA_SHARE"
    """数据核验"""
    COMMITMENT = "COMMITMENT"
    """告知承诺"""
    DEFERRED = "DEFERRED"
    """容缺后补: follows before the decision"""


class FieldKind(StrEnum):
    """What a form field holds."""

    TEXT = "TEXT"
    DECIMAL = "DECIMAL"
    DATE = "DATE"


class OnlineDepth(StrEnum):
    """网上办理深度, the seven national values; the digit is the national code."""

    CONSULT = "1"
    COLLECT = "2"
    PRECHECK = "3"
    ACCEPT = "4"
    PROCESS = "5"
    RESULT_FEEDBACK = "6"
    ELICENCE_FEEDBACK = "7"


@dataclass(frozen=True, slots=True)
class Department:
    """An implementing body (实施主体); the key is its unified social credit code."""

    uscc: str
    name: str
    name_en: str
    region: str
    seal_code: str = ""
    """Code of the seal under its documents; empty when it issues none."""
    charging_agency: str = ""
    """执收单位编码; empty when it charges no fees."""
    window: str = ""
    """Address of the window that takes applications (办事窗口)."""
    hours: str = ""
    phone: str = ""
    """Telephone for questions (咨询电话)."""


@dataclass(frozen=True, slots=True)
class Material:
    """One entry of the material list (申请材料)."""

    code: str
    name: str
    name_en: str
    necessity: Necessity
    licence_types: tuple[str, ...] = ()
    """Licence types of which one valid licence replaces this material (免提交)."""
    exempt: tuple[ExemptMode, ...] = ()
    """What else may stand for it."""
    field_map: dict[str, str] = field(default_factory=dict)
    """Form fields that its licence fills, and the keys of the licence's face data."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the application form (申请表字段)."""

    name: str
    title: str
    title_en: str
    kind: FieldKind
    max_length: int = MAX_TEXT
    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def fault(self, value: str) -> str | None:
        """Return the code of what is wrong with a value, or None."""
        if not value.strip():
            return "empty"
        match self.kind:
            case FieldKind.TEXT:
                return "too_long" if len(value) > self.max_length else None
            case FieldKind.DATE:
                return self._date_fault(value)
            case FieldKind.DECIMAL:
                return self._decimal_fault(value)

    @staticmethod
    def _date_fault(value: str) -> str | None:
        try:
            parsed = date.fromisoformat(value)
        except ValueError:
            return "not_a_date"
        return None if parsed.isoformat() == value else "not_a_date"

    def _decimal_fault(self, value: str) -> str | None:
        if not value.isascii() or not set(value) <= set("0123456789."):
            return "not_a_number"
        try:
            number = Decimal(value)
        except InvalidOperation:
            return "not_a_number"
        if -int(number.as_tuple().exponent) > 2:
            return "too_many_decimals"
        below = self.minimum is not None and number < self.minimum
        above = self.maximum is not None and number > self.maximum
        return "out_of_range" if below or above else None


@dataclass(frozen=True, slots=True)
class FeeRule:
    """One fee (收费项目): quantity × standard, rounded half up to the fen."""

    code: str
    name: str
    name_en: str
    unit: str
    unit_price_fen: Fen
    basis: str
    quantity_field: str = ""
    """Form field that holds the quantity; empty for one."""

    def quantity(self, form: dict[str, str]) -> Decimal:
        """Return the quantity that the form declares."""
        return Decimal(form[self.quantity_field]) if self.quantity_field else Decimal(1)

    def amount(self, form: dict[str, str]) -> Fen:
        """Return the amount due in fen."""
        return money.multiply(self.unit_price_fen, self.quantity(form))


@dataclass(frozen=True, slots=True)
class Item:
    """One implemented item (实施清单): the basic item as one department in one region offers it."""

    code: str
    """实施编码, 31 characters: credit code, level of exercise, basic code."""
    version: int
    name: str
    name_en: str
    kind: CaseKind
    task_type: str
    """事项类型, two digits of GB/T 39046-2020 A.1."""
    department: Department
    applicants: tuple[ApplicantType, ...]
    min_ial: int
    """Lowest proofing level (实名等级) with which one may apply."""
    legal_days: int
    promise_days: int
    visits: int
    """到办事现场次数"""
    visits_reason: str
    online_depth: tuple[OnlineDepth, ...]
    basis: tuple[str, ...]
    accept_condition: str
    materials: tuple[Material, ...]
    fields: tuple[Field, ...]
    fees: tuple[FeeRule, ...]
    result_licence_type: str = ""
    """证照类型代码 of the licence that a grant results in; empty when there is none."""

    @property
    def region(self) -> str:
        """Six digits of the implementing body's division."""
        return self.department.region

    @property
    def level(self) -> Level:
        """Province, city or county."""
        return find(self.region).level

    @property
    def basic_code(self) -> str:
        """基本编码: the twelve characters that are the same from province to county (三级四同)."""
        return self.code[-12:]

    @property
    def is_permit(self) -> bool:
        """Whether the Administrative Licensing Law applies (行政许可)."""
        return self.task_type == "01"

    @property
    def declared_online(self) -> bool:
        """Whether the catalogue declares it 网上可办: more than advice is to be had online."""
        return any(depth is not OnlineDepth.CONSULT for depth in self.online_depth)

    def material(self, code: str) -> Material | None:
        """Return the material of this code."""
        return next((material for material in self.materials if material.code == code), None)
