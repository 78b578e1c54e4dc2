"""The table of scenario fields, in Markdown, from the schema that checks files."""

from collections.abc import Iterator, Mapping
from typing import Any

from sim.scenario.file_schema import schema_of
from sim.scenario.name_checks import Names
from sim.scenario.problems import model_name

HEAD = """# Fields of a scenario file

Made by `make schema` from `sim/scenario/schema.py`; do not edit. `<name>` is a name of your own, or
one of those listed.

| field | allowed | default | meaning |
| --- | --- | --- | --- |
"""


def field_table(names: Names) -> str:
    """Return the fields, what they may hold, their defaults and meanings, as Markdown."""
    schema = schema_of(names)
    schema["required"] = schema["anyOf"][-1]["required"]
    rows = [
        f"| `{key}` | {allowed} | {default} | {meaning} |"
        for key, allowed, default, meaning in _rows(schema, schema["$defs"], prefix="")
    ]
    return HEAD + "\n".join(rows) + "\n"


def _rows(
    part: Mapping[str, Any], models: Mapping[str, Any], *, prefix: str
) -> Iterator[tuple[str, str, str, str]]:
    required = part.get("required", [])
    for name, field in part["properties"].items():
        key = f"{prefix}{name}"
        model = _model(field, models)
        forms = [field, *field.get("anyOf", ())]
        entries = next(filter(None, (form.get("additionalProperties") for form in forms)), None)
        of_entries = _model(entries, models) if isinstance(entries, dict) else None
        of_items = _model(field["items"], models) if "items" in field else None
        meaning = str(field["description"]).replace("\n", " ").replace("``", "`")
        default = (
            "required" if name in required else _default(field, is_part=bool(model or of_entries))
        )
        yield key, _allowed(field), default, meaning
        if model is not None:
            yield from _rows(model, models, prefix=f"{key}.")
        if of_entries is not None:
            yield from _rows(of_entries, models, prefix=f"{key}.<name>.")
        if of_items is not None:
            yield from _rows(of_items, models, prefix=f"{key}.<number>.")


def _model(field: Mapping[str, Any], models: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = models.get(model_name(field))
    return found if found and "properties" in found else None


def _default(field: Mapping[str, Any], *, is_part: bool) -> str:
    value = field.get("default")
    if is_part or value in (None, "", []):
        return "-"
    return f"`{', '.join(value) if isinstance(value, list) else str(value).lower()}`"


def _allowed(field: Mapping[str, Any]) -> str:
    """Return what a field may hold, in words."""
    if "$ref" in field:
        return "see below"
    if forms := field.get("anyOf", field.get("oneOf")):
        return " or ".join(map(_allowed, forms))
    if choices := field.get("enum", [field["const"]] if "const" in field else []):
        return ", ".join(f"`{choice}`" for choice in choices)
    if field["type"] == "object":
        names = field.get("propertyNames", {}).get("enum", [])
        return "by name: " + (", ".join(f"`{name}`" for name in names) or "any")
    if field["type"] == "array":
        return f"list of {_allowed(field['items'])}"
    return " ".join([{"string": "text"}.get(field["type"], field["type"]), *_bounds(field)])


def _bounds(field: Mapping[str, Any]) -> Iterator[str]:
    words = {
        "minimum": "from {:.12g}",
        "exclusiveMinimum": "above {:.12g}",
        "maximum": "to {:.12g}",
        "exclusiveMaximum": "below {:.12g}",
        "maxLength": "up to {} characters",
    }
    yield from (text.format(field[name]) for name, text in words.items() if name in field)
