"""Pages as a browser shows them: on a phone, on a desk, and printed.

``make browser`` installs what drives it. Chromium itself comes from the system (Debian and Ubuntu:
``apt install chromium``) or from Playwright (``python -m playwright install chromium``).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any
from unicodedata import normalize

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from reports.comparison_page import write_comparison
from reports.explore import plotly_script, write_explorer
from reports.policy import render
from sim.cli import app
from sim.executors.executor import executor_of
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.result import StudyResult
from sim.studies.sweep import points_of, sweep
from tests.unit.reports.test_page import (
    ALTERNATIVES,
    FRONTIER,
    GAIN,
    ITEMS,
    MISSED,
    NOWHERE,
    RING_FENCE,
    SHARED,
    VARIATIONS,
)
from tests.unit.studies.small_study import sample_small, small_scenario

driver = pytest.importorskip("playwright.sync_api", reason="the extra browser is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
SYSTEM = ("chromium", "chromium-browser", "google-chrome")
QUIETLY = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PHONE, DESK = (390, 844), (1280, 900)
LEAST_PIXELS = 11.0
MOST_BYTES, MOST_MS = 3_000_000, 2_000
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"heading-order": {"enabled": True}, "empty-heading": {"enabled": True}},
}
SMALLEST_TEXT = """() => Math.min(99, ...[...document.querySelectorAll('figure svg text')].map(
    text => { const m = text.getScreenCTM();
              return Math.hypot(m.a, m.b) * parseFloat(getComputedStyle(text).fontSize); }))"""
SHOWN = """() => [...document.querySelectorAll('td, th, h1, h2, h3, summary, figcaption, dd')].map(
    one => one.textContent)"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with driver.sync_playwright() as playwright:
        own = next(filter(None, map(shutil.which, SYSTEM)), None)
        own = own or playwright.chromium.executable_path
        if not Path(own).exists():
            pytest.skip(
                "no Chromium: apt install chromium, or python -m playwright install chromium"
            )
        browser = playwright.chromium.launch(executable_path=own, args=QUIETLY)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(
    planned: tuple[Path, StudyResult],
    unplanned: tuple[Path, StudyResult],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Return the report of a study with answers, a comparison and a page with sliders."""
    made = tmp_path_factory.mktemp("pages")
    answers = {
        "gain": {"gain": GAIN},
        "ring_fence": {"ring_fence": RING_FENCE, "ring_fence_missed": NOWHERE},
        "frontier": {"frontier": FRONTIER, "frontier_missed": MISSED},
        "alternatives": {"alternatives": ALTERNATIVES, "shared_money": SHARED},
        "certificate": {"stable_items": ITEMS, "variations": VARIATIONS},
    }
    (made / "report.html").write_text(render(planned[1], answers), encoding="utf-8")
    write_comparison(unplanned[0], [planned[0], unplanned[0]], made / "comparison.html")
    scenario = small_scenario(draws=5, replications=1)
    with executor_of(workers=1) as executor:
        points = points_of(
            scenario, budgets=(0.0, 1.0), aversions=(0.0,), ai_shares=(1.0,), runs=50
        )
        found = sweep(Design(scenario, sample_small), Answering(executor), points)
    write_explorer(found.tables, scenario, made / "explore.html", plotly_script())
    return {file.stem: file for file in made.iterdir()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Yield the addresses of the pages of the documentation, served as a site is."""
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra docs is not installed")
    made = tmp_path_factory.mktemp("docs") / "site"
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(made)],
        cwd=ROOT, env=dict(os.environ) | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        check=True, capture_output=True,
    )  # fmt: skip
    served = partial(SimpleHTTPRequestHandler, directory=str(made))
    with ThreadingHTTPServer(("127.0.0.1", 0), served) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield [
            f"http://127.0.0.1:{server.server_port}/{name}"
            for name in sorted(file.name for file in made.glob("*.html") if file.stem != "404")
        ]
        server.shutdown()


Opened = Callable[..., Any]


@pytest.fixture
def opened(chromium: Any) -> Iterator[Opened]:
    """Return a maker of pages, none of which may ask anything of others."""
    made, asked = [], []

    def open_page(place: Path | str, size: tuple[int, int]) -> Any:
        context = chromium.new_context(viewport=dict(zip(("width", "height"), size, strict=True)))
        made.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        if isinstance(place, Path):  # a site's theme stumbles over headings that begin with a digit
            page.on("pageerror", lambda error: asked.append(str(error)))
        page.goto(place if isinstance(place, str) else place.as_uri())
        return page

    yield open_page
    for context in made:
        context.close()
    here = ("file:", "data:", "blob:", "http://127.0.0.1:")
    assert [url for url in asked if not url.startswith(here)] == []


def faults(page: Any) -> list[str]:
    """Return what those cannot use who see less or have no mouse: rules of axe."""
    found = axe.Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


def letters(text: str) -> str:
    """Return a text without spaces and ligatures, which paper may set as it likes."""
    return "".join(normalize("NFKC", text).split())


def is_within(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("name", ["report", "comparison", "explore"])
def test_a_page_fits_and_can_be_read_by_all(
    name: str, size: tuple[int, int], pages: dict[str, Path], opened: Opened
) -> None:
    page = opened(pages[name], size)
    assert is_within(page)
    assert faults(page) == []
    if name != "explore":  # whose figures have the size of their text by themselves
        assert page.locator("figure svg text").count() > 5
        assert page.evaluate(SMALLEST_TEXT) >= LEAST_PIXELS - 0.05


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_pages_of_the_documentation_fit_and_can_be_read_by_all(
    size: tuple[int, int], site: list[str], opened: Opened
) -> None:
    first = next(address for address in site if address.endswith("/index.html"))
    page = opened(first, size)
    assert len(site) > 15
    for address in site if size == PHONE else [first]:
        page.goto(address)
        assert (address, is_within(page), faults(page)) == (address, True, [])


def test_tables_scroll_by_themselves(pages: dict[str, Path], opened: Opened) -> None:
    page = opened(pages["report"], PHONE)
    boxes = page.locator(".scroll", has=page.locator("table")).all()
    box = next(one for one in boxes if one.evaluate("box => box.scrollWidth > box.clientWidth"))
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("box => box.scrollLeft > 0", arg=box.element_handle())


def test_a_slider_moves_to_another_plan(pages: dict[str, Path], opened: Opened) -> None:
    page = opened(pages["explore"], PHONE)
    before = page.locator("#answer").inner_text()
    page.locator("#budget").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#answer").inner_text() != before
    assert page.locator("#budget-said").inner_text() == "$0"
    assert page.locator("#coverage svg").count() > 0


def test_paper_keeps_what_the_screen_shows(pages: dict[str, Path], opened: Opened) -> None:
    page = opened(pages["report"], DESK)
    shown = page.evaluate(SHOWN)
    printed = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True)))
    there = letters("".join(one.extract_text() for one in printed.pages))
    assert [text for text in shown if letters(text) not in there] == []
    assert len(shown) > 300


def test_the_report_of_every_country_is_small_and_opens_at_once(
    tmp_path: Path, opened: Opened
) -> None:
    run = tmp_path / "world"
    fast = ["uncertainty.draws=2", "uncertainty.replications=1", "search.effort=50"]
    asked = ["run", str(ROOT / "scenarios" / "world.yaml"), "--out", str(run)]
    done = CliRunner().invoke(app, [*asked, *(word for one in fast for word in ("--set", one))])
    assert done.exit_code == 0, done.output
    report = run / "report.html"
    assert report.stat().st_size < MOST_BYTES
    page = opened(report, PHONE)
    assert page.locator("details", has_text="People by region").locator("tr").count() > 217
    took = page.evaluate("performance.getEntriesByType('navigation')[0].duration")
    assert took < MOST_MS
    assert is_within(page)
