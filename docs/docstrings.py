"""Our docstrings for the documentation site: a parameter's line says what it is, not its type."""

import re
from typing import Any

import griffe

PARAMETERS = re.compile(r"(Parameters\n-{3,}\n)(.*?)(?=\n\n|\Z)", re.DOTALL)
SAID = re.compile(r"^([\w*]+(?:, [\w*]+)*) : ", re.MULTILINE)


class OurStyle(griffe.Extension):
    """Lets the site take a parameter's words for words; its type stands in the signature."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Move what is said of a parameter to a line of its own."""
        if obj.docstring is not None:
            obj.docstring.value = PARAMETERS.sub(
                lambda found: found[1] + SAID.sub(r"\1\n    ", found[2]), obj.docstring.value
            )
