"""Small things every API module needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import KwargDefinition, PathParameter
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator

MAX_ID = 2**63 - 1
"""PostgreSQL's bigint: no id is beyond it."""

PathId = Annotated[int, PathParameter(ge=1, le=MAX_ID)]
"""An id in a path."""


class Problem(msgspec.Struct, frozen=True):
    """An error, as RFC 9457 problem details: ``code`` is stable, ``detail`` says what happened, ``hint`` what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    instance: str | None = None


PROBLEM_TYPE = "application/problem+json"


def _problem(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, generate_examples=False, description=description, media_type=PROBLEM_TYPE)


PROBLEMS: dict[int, ResponseSpec] = {
    400: _problem("The request cannot be read or breaks a rule."),
    401: _problem("No key, or not one we know."),
    403: _problem("Known, but not allowed."),
    404: _problem("There is no such thing."),
    409: _problem("The present state does not allow it."),
    413: _problem("Over a documented limit."),
    429: _problem("Under pressure: come back after Retry-After seconds."),
    503: _problem("The database is away: come back after Retry-After seconds."),
}
"""What every route of the API may answer besides its result."""


class TuplesOfAnyLength(OpenAPISchemaPlugin):
    """Describes ``Annotated[tuple[X, ...], Meta(max_length=...)]`` as an array of X.

    The framework leaves the three dots out of a plain tuple, but takes those of a bounded one for an item of any shape.
    """

    @staticmethod
    def is_plugin_supported_type(value: object) -> bool:
        """Not by the type alone: a plain tuple is described well."""
        return False

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Whether it is a bounded tuple of any length."""
        bounds = field_definition.kwarg_definition
        return (
            field_definition.origin is tuple
            and isinstance(bounds, KwargDefinition)
            and bounds.is_constrained
            and any(inner.annotation is Ellipsis for inner in field_definition.inner_types)
        )

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        """An array of its one inner type, as short and as long as it may be."""
        bounds = field_definition.kwarg_definition
        assert isinstance(bounds, KwargDefinition)
        return Schema(
            type=OpenAPIType.ARRAY,
            items=schema_creator.for_field_definition(field_definition.inner_types[0]),
            min_items=bounds.min_items,
            max_items=bounds.max_items,
            description=bounds.description,
        )


class ClosedShapes(StructSchemaPlugin):
    """Describes a struct that refuses fields nobody knows as a shape that has no others."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Whether it is such a struct; the others the framework describes."""
        return super().is_plugin_supported_field(field_definition) and bool(
            field_definition.type_.__struct_config__.forbid_unknown_fields
        )

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        """As the framework does, closed."""
        schema = super().to_openapi_schema(field_definition, schema_creator)
        schema.additional_properties = False
        return schema
