"""What the documentation site adds to the pages of ``docs``, for mkdocs (``make docs``).

Pages that stand elsewhere in the source, the list of commands, and links that lead out of the site
as the names of files.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "scenarios.md": "scenarios/README.md",
    "fields.md": "scenarios/fields.md",
    "changes.md": "CHANGELOG.md",
}
"""Pages of the site, and where they stand in the source."""
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that stand elsewhere, and the list of commands as the program prints it."""
    for name, place in ELSEWHERE.items():
        text = (ROOT / place).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=text))
    asked = [sys.executable, "-m", "typer", "sim.cli", "utils", "docs", "--name", "equiscan"]
    told = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True)
    commands = told.stdout.replace("# `equiscan`", "# Commands", 1)
    files.append(File.generated(config, "commands.md", content=commands))
    return files


def on_page_markdown(text: str, page: Any, **_: Any) -> str:
    """Return a page whose links lead to pages of the site; other files are named."""
    source = ROOT / ELSEWHERE.get(page.file.src_path, f"docs/{page.file.src_path}")
    pages = {(ROOT / place).resolve(): name for name, place in ELSEWHERE.items()}

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        if re.match(r"[a-z]+:", target):
            return found[0]
        place = (source.parent / target).resolve()
        if place in pages:
            return f"[{words}]({pages[place]}{anchor})"
        if place.is_relative_to(ROOT / "docs") and place.is_file():
            return f"[{words}]({place.relative_to(ROOT / 'docs').as_posix()}{anchor})"
        named = place.relative_to(ROOT).as_posix() if place.is_relative_to(ROOT) else target
        return f"{words} (`{named}`)"

    return LINK.sub(link, text)


def on_page_content(html: str, **_: Any) -> str:
    """Return a page whose tables and code scroll by themselves, by keys too."""
    return (
        html.replace("<pre>", '<pre tabindex="0">')
        .replace("<table>", '<div class="scroll" tabindex="0"><table>')
        .replace("</table>", "</table></div>")
    )
