"""What run folders hold, for tests that compare them."""

from pathlib import Path

NOT_COMPARED = {"provenance.json", "report.html", "manifest.json", "run.log"}
"""They tell when, where and by what command a study was run, or hold a hash of what does."""


def differing(one: Path, other: Path) -> list[str]:
    """Return what two run folders do not share to the byte."""
    names = {path.name for folder in (one, other) for path in folder.iterdir()} - NOT_COMPARED
    return sorted(name for name in names if _content(one / name) != _content(other / name))


def _content(path: Path) -> bytes | bool:
    """Return what is in a file; of anything else, whether it is there."""
    return path.read_bytes() if path.is_file() else path.exists()
