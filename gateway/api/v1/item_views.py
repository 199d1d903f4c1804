"""What the interface shows of service items."""

from __future__ import annotations

from pydantic import BaseModel, Field

from gateway.api.v1.shapes import Named
from gateway.catalog.model import FeeRule, Item, Material
from gateway.catalog.model import Field as FormField
from kernel import divisions


class DepartmentView(BaseModel):
    """The implementing body (实施主体)."""

    uscc: str
    name: Named


class MaterialNeed(BaseModel):
    """One material that an item asks for."""

    code: str
    name: Named
    necessity: str
    licence_types: list[str] = Field(description="Licence types of which one replaces the material")
    exempt: list[str] = Field(description="What else may stand for it (免提交方式)")

    @classmethod
    def of(cls, material: Material) -> MaterialNeed:
        return cls(
            code=material.code,
            name=Named(zh=material.name, en=material.name_en),
            necessity=material.necessity,
            licence_types=list(material.licence_types),
            exempt=[str(mode) for mode in material.exempt],
        )


class FieldView(BaseModel):
    """One field of the application form; every value is sent as text."""

    name: str
    title: Named
    kind: str
    max_length: int
    minimum: str | None
    maximum: str | None

    @classmethod
    def of(cls, field: FormField) -> FieldView:
        return cls(
            name=field.name,
            title=Named(zh=field.title, en=field.title_en),
            kind=field.kind,
            max_length=field.max_length,
            minimum=None if field.minimum is None else str(field.minimum),
            maximum=None if field.maximum is None else str(field.maximum),
        )


class FeeView(BaseModel):
    """One fee of an item; ``unit_price_fen`` is in 分."""

    code: str
    name: Named
    unit: str
    unit_price_fen: int
    quantity_field: str
    basis: str

    @classmethod
    def of(cls, fee: FeeRule) -> FeeView:
        return cls(
            code=fee.code,
            name=Named(zh=fee.name, en=fee.name_en),
            unit=fee.unit,
            unit_price_fen=fee.unit_price_fen,
            quantity_field=fee.quantity_field,
            basis=fee.basis,
        )


class ItemLine(BaseModel):
    """One service item in a list."""

    code: str
    basic_code: str
    version: int
    name: Named
    level: str
    region: str
    region_name: str
    department: DepartmentView
    kind: str
    task_type: str
    applicants: list[str]
    declared_online: bool = Field(description="Whether the catalogue declares it 网上可办")
    visits: int
    has_fee: bool

    @classmethod
    def of(cls, item: Item) -> ItemLine:
        department = item.department
        return cls(
            code=item.code,
            basic_code=item.basic_code,
            version=item.version,
            name=Named(zh=item.name, en=item.name_en),
            level=item.level.value,
            region=item.region,
            region_name=divisions.find(item.region).name,
            department=DepartmentView(
                uscc=department.uscc, name=Named(zh=department.name, en=department.name_en)
            ),
            kind=item.kind,
            task_type=item.task_type,
            applicants=[str(kind) for kind in item.applicants],
            declared_online=item.declared_online,
            visits=item.visits,
            has_fee=bool(item.fees),
        )


class ItemView(ItemLine):
    """A service item with everything that an applicant needs to know."""

    min_ial: int
    legal_days: int
    promise_days: int
    visits_reason: str
    online_depth: list[str]
    basis: list[str]
    accept_condition: str
    materials: list[MaterialNeed]
    fields: list[FieldView]
    fees: list[FeeView]

    @classmethod
    def of(cls, item: Item) -> ItemView:
        return cls(
            **ItemLine.of(item).model_dump(),
            min_ial=item.min_ial,
            legal_days=item.legal_days,
            promise_days=item.promise_days,
            visits_reason=item.visits_reason,
            online_depth=[str(depth) for depth in item.online_depth],
            basis=list(item.basis),
            accept_condition=item.accept_condition,
            materials=[MaterialNeed.of(material) for material in item.materials],
            fields=[FieldView.of(field) for field in item.fields],
            fees=[FeeView.of(fee) for fee in item.fees],
        )
