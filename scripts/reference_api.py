"""The API reference, from the application's own routes and its OpenAPI description."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from unisono.app import create_app
from unisono.kit.settings import load_settings

HEAD = """A running Unisono shows this live, with every type, at `/api/swagger` (OpenAPI 3.1: `/api/openapi.json`).

Collect routes take a write, till or secret key: `Authorization: Basic base64(key:)`, `Authorization: Bearer key`,
`?writeKey=`, or `writeKey` in the body, in this order. Routes that name a [permission](permissions.md) take a secret
key, `Authorization: Bearer sk_...`, or the console's session. Errors come as [problem details](errors.md). A write that
says so takes an `Idempotency-Key` of 1 to 255 characters: sent again with the same key, it is done once and answered
twice the same (the second time with `idempotent-replayed: true`).

"""

ORDER = ("Collect", "People", "Identity", "Events", "Operations")


def application() -> Litestar:
    """The application without its database: only its routes are read."""
    return create_app(load_settings(environ={}), "postgresql://nowhere/nothing")


def described_routes(app: Litestar) -> list[tuple[str, str, HTTPRouteHandler]]:
    """(method, path, handler) of every route that is part of the API."""
    found = []
    for route in app.routes:
        for method, (handler, *_) in getattr(route, "route_handler_map", {}).items():
            if method != "OPTIONS" and handler.tags:
                found.append((str(method), route.path_format, handler))
    return found


def api() -> str:
    """The page below its title."""
    app = application()
    schema = app.openapi_schema.to_schema()
    sections: dict[str, list[str]] = defaultdict(list)
    together: dict[tuple[str, str], list[tuple[str, HTTPRouteHandler]]] = defaultdict(list)
    for method, path, handler in sorted(described_routes(app), key=lambda item: (item[1], item[0])):
        together[method, handler.handler_name].append((path, handler))
    for (method, _), same in together.items():
        path, handler = same[0]
        operation = schema["paths"].get(path, {}).get(method.lower(), {})
        tag = next(iter(sorted(handler.tags or [])))
        sections[tag].append(_route(method, [path for path, _ in same], handler, operation, schema))
    names = sorted(sections, key=lambda tag: (ORDER.index(tag) if tag in ORDER else len(ORDER), tag))
    return HEAD + "\n".join(f"## {tag}\n\n" + "\n".join(sections[tag]) for tag in names).rstrip() + "\n"


def _route(
    method: str, paths: list[str], handler: HTTPRouteHandler, operation: dict[str, Any], schema: dict[str, Any]
) -> str:
    said = " ".join((handler.fn.__doc__ or "").replace("``", "`").split())
    title = ", ".join(f"`{method} {path}`" for path in paths)
    lines = [f"### {title}\n", f"{said}\n"]
    facts = _needs(handler)
    facts += [_parameter(parameter) for parameter in operation.get("parameters", [])]
    body = next(iter(operation.get("requestBody", {}).get("content", {}).values()), None)
    if body:
        facts.append(f"- Body: {_shape(body['schema'], schema)}")
    answer = next((value for code, value in operation.get("responses", {}).items() if str(code).startswith("2")), {})
    content = next(iter(answer.get("content", {}).values()), {}).get("schema", {})
    shape = _shape(content, schema)
    if "{" in shape:
        facts.append(f"- Answer: {shape}")
    if facts:
        lines.append("\n".join(facts) + "\n")
    return "\n".join(lines)


def _needs(handler: HTTPRouteHandler) -> list[str]:
    asked: set[str] = set()
    for guard in handler.resolve_guards():
        asked |= getattr(guard, "permissions", None) or set()
    return [f"- Needs: {', '.join(f'`{name}`' for name in sorted(asked))}"] if asked else []


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", {})
    kinds = [schema.get("type"), *(one.get("type") for one in schema.get("oneOf", []))]
    kind = next((name for name in kinds if name and name != "null"), "")
    where = "" if parameter["in"] == "query" else f", in the {parameter['in']}"
    default = f", default {schema['default']}" if schema.get("default") not in (None, "") else ""
    needed = ", required" if parameter.get("required") else ""
    meaning = f": {parameter['description']}".replace("``", "`") if parameter.get("description") else ""
    return f"- `{parameter['name']}` ({kind}{where}{needed}{default}){meaning}"


def _shape(shape: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in a line: the fields of a record, `?` after those that may be missing."""
    if "$ref" in shape:
        record = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
        required = set(record.get("required", []))
        names = [name if name in required else f"{name}?" for name in record.get("properties", {})]
        return "`{" + ", ".join(names) + "}`"
    if shape.get("type") == "array":
        return f"a list of {_shape(shape.get('items', {}), schema)}"
    return f"`{shape.get('type', 'any')}`"
