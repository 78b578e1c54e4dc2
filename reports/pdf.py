"""The policy report as a PDF of A4 pages, with every table and source in full."""

from operator import methodcaller
from pathlib import Path
from typing import Any

from reports.language import ENGLISH
from reports.policy import page_of
from sim.atomic import replace_file, require_free
from sim.errors import RunFolderError


def write_pdf(
    run: Path | str, file: Path | str, *, overwrite: bool = False, language: str = ENGLISH
) -> Path:
    """Write the report of a run as a PDF and return its path.

    Pages are made by WeasyPrint, of the extra ``pdf``, which needs Pango of the system. Nothing
    outside the page is read.

    Raises
    ------
    RunFolderError
        Where the run cannot be read, a file is in the way, or WeasyPrint or Pango is missing.
    LanguageError
        For a language that there is not; see ``reports.language``.
    """
    file = Path(file)
    require_free(file, overwrite=overwrite)
    weasyprint = _weasyprint()

    def from_the_page(url: str, *given: object, **options: object) -> object:
        if not url.startswith("data:"):  # a figure's own pixels
            raise ValueError(f"the report reads nothing from outside, not {url}")
        return weasyprint.default_url_fetcher(url, *given, **options)

    html = weasyprint.HTML(string=page_of(run, language), url_fetcher=from_the_page)
    replace_file(file, methodcaller("write", html.write_pdf()))
    return file


def _weasyprint() -> Any:
    try:
        import weasyprint  # noqa: PLC0415  # optional, and slow to import
    except ImportError:
        raise RunFolderError(
            "a PDF needs WeasyPrint: pip install 'equiscan[pdf]'. The page report.html can be "
            "printed from a browser instead."
        ) from None
    except OSError as error:
        raise RunFolderError(
            "WeasyPrint needs Pango, a library of the system: on Debian or Ubuntu, apt install "
            f"libpango-1.0-0 libpangoft2-1.0-0; on macOS, brew install pango ({error})."
        ) from None
    return weasyprint
