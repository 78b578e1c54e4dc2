"""The PDF has every page, table and source, and is told where it cannot be made."""

import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from reports.pdf import _weasyprint, write_pdf
from sim.errors import RunFolderError
from sim.studies.result import StudyResult


@pytest.fixture(scope="module", autouse=True)
def _pango() -> None:
    """Skip where the system lacks what no package brings."""
    try:
        _weasyprint()
    except RunFolderError as error:
        if "Pango" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="module")
def pages(planned: tuple[Path, StudyResult], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the text of every page of a report, which replaces what was there when asked."""
    file = tmp_path_factory.mktemp("pdf") / "report.pdf"
    file.write_bytes(b"mine")
    write_pdf(planned[0], file, overwrite=True)
    return [page.extract_text() for page in PdfReader(file).pages]


def test_pages_are_numbered_and_listed_on_the_first(pages: list[str]) -> None:
    assert len(pages) >= 4
    for number, text in enumerate(pages, start=1):
        assert f"{number} of {len(pages)}" in text
    where = next(n for n, text in enumerate(pages, start=1) if "Inputs and their sources" in text)
    (entry,) = (line for line in pages[0].splitlines() if line.startswith("Inputs"))
    assert int(entry.rstrip().rsplit(".", 1)[-1]) in (where, where - 1)  # of the part that has it


def test_what_is_folded_on_the_screen_is_on_paper(
    pages: list[str], planned: tuple[Path, StudyResult]
) -> None:
    text = "".join(" ".join(pages).split())  # a long name may be broken
    for name in planned[1].inputs["name"]:
        assert name in text
    assert "comparisons" in text


def test_what_is_there_is_not_replaced_unasked(
    planned: tuple[Path, StudyResult], tmp_path: Path
) -> None:
    file = tmp_path / "mine.pdf"
    file.write_bytes(b"mine")
    with pytest.raises(RunFolderError, match="exists already; --overwrite"):
        write_pdf(planned[0], file)
    assert file.read_bytes() == b"mine"


def test_without_weasyprint_is_said_what_to_install(
    planned: tuple[Path, StudyResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(RunFolderError, match=r"pip install 'equiscan\[pdf\]'"):
        write_pdf(planned[0], tmp_path / "report.pdf")
    assert list(tmp_path.iterdir()) == []
