"""The JSON Schema of a scenario file: that of a scenario, and what only files may say."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim.scenario.merged_files import LONGEST_PATH
from sim.scenario.name_checks import Names
from sim.scenario.problems import model_name
from sim.scenario.schema import Scenario

EXTENDS = "Another scenario file in the same folder; this one says only what differs. Mappings are \
merged key by key, lists and values are replaced, a key set to null is removed."
OVERLAYS = (
    "Files of overrides in the same folder, as `equiscan calibrate` writes them, or CSV files \
as for `overrides`; later ones win over earlier ones, and this file's own overrides over all."
)
CHECKSUMS = "SHA-256 of files in the same folder, by name, such as those of `overlays`: where the \
bytes of one are others, the scenario is refused."
NUMBERS_FILE = "Or the name of a CSV file of one's own numbers, in the scenario's folder, with the \
columns region, variable, value, low, high, unit, year, source, status and distribution."


def schema_of(names: Names) -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, for editors and for the table of fields."""
    schema = Scenario.model_json_schema()
    for key, known in names.choices.items():
        _allow_only(schema, key.split("."), known)
    required = schema.pop("required")
    extends = {"type": "string", "description": EXTENDS}
    overlays = {"type": "array", "items": {"type": "string"}, "description": OVERLAYS}
    own = schema["properties"].pop("overrides")
    checksums = {
        "type": "object",
        "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "description": CHECKSUMS,
    }
    first = {"extends": extends, "overlays": overlays, "checksums": checksums}
    described = f"{own.pop('description')} {NUMBERS_FILE}"
    numbers = {"type": "string", "maxLength": LONGEST_PATH}
    stated = {"anyOf": [own, numbers], "default": own.pop("default"), "description": described}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "properties": {**first, **schema["properties"], "overrides": stated},
        "anyOf": [{"required": ["extends"]}, {"required": required}],
    }


def _allow_only(schema: dict[str, Any], keys: Sequence[str], known: Mapping[str, str]) -> None:
    """Write into the schema of a field which names it may hold, and what they mean."""
    part = schema
    for key in keys[:-1]:
        part = schema["$defs"][model_name(part["properties"][key])]
    field = part["properties"][keys[-1]]
    (field["items"] if field["type"] == "array" else field)["enum"] = list(known)
    meant = "; ".join(f"``{name}``: {about}" for name, about in known.items() if about)
    if meant:
        field["description"] = f"{field['description']} {meant}."
