"""The language that a report is written in: its words, and how it writes numbers.

Words are gettext messages. The English text is the name of each and stands in the code; a
catalogue, ``languages/fr.po`` or a file of one's own, holds what is said instead. What a catalogue
lacks is said in English. The signs of numbers are those of Unicode's CLDR, through Babel.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from sim.errors import LanguageError, nearest

ENGLISH = "en"
ENDING = ".po"
"""How the name of a catalogue ends."""
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{[^{}]*\}")
"""What a message leaves open: ``%(name)s`` in templates, ``{name}`` in code."""
TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Language:
    """A language, with all that is said in it."""

    code: str
    """As of HTML: ``fr``, ``pt-BR``."""
    translations: NullTranslations
    countries: Mapping[str, str]
    """Names of countries by their ISO codes of two letters."""
    signs: Mapping[int, str]
    """What stands for the comma and the point of an English number, for ``str.translate``."""

    @classmethod
    def of(cls, code: str, translations: NullTranslations) -> "Language":
        """Return a language whose numbers and countries CLDR knows.

        Raises ``ValueError`` for a code that is none, ``UnknownLocaleError`` for one that CLDR
        does not know.
        """
        locale = Locale.parse(code.replace("-", "_"))
        symbols = locale.number_symbols["latn"]
        signs = {ord(","): symbols["group"], ord("."): symbols["decimal"]}
        return cls(code.replace("_", "-"), translations, locale.territories, signs)


_AS_IT_STANDS = Language.of(ENGLISH, NullTranslations())
_SPOKEN: ContextVar[Language] = ContextVar("language", default=_AS_IT_STANDS)


def languages() -> list[str]:
    """Return the codes of the languages that ship.

    >>> languages()
    ['en', 'fr']
    """
    shipped = (files("reports") / "languages").iterdir()
    return [ENGLISH, *sorted(Path(one.name).stem for one in shipped if one.name.endswith(ENDING))]


def language_named(name: str) -> Language:
    """Return a language that ships, by its code, or one of a catalogue of one's own, by its file.

    Raises
    ------
    LanguageError
        For a language that does not ship, and a catalogue that cannot be read or used.
    """
    if name.endswith(ENDING):
        try:
            content = Path(name).read_bytes()
        except OSError as error:
            raise LanguageError(f"{name} cannot be read: {error.strerror}.") from None
        return _parsed(content, name)
    if name not in languages():
        raise LanguageError(
            f"there is no language '{name}'; there are {', '.join(languages())}, and catalogues "
            f"of your own, whose file names end in {ENDING}.{nearest(name, languages())}"
        )
    if name == ENGLISH:
        return _AS_IT_STANDS
    return _parsed((files("reports") / "languages" / f"{name}{ENDING}").read_bytes(), name)


@contextmanager
def speaking(name: str) -> Iterator[Language]:
    """Let what is said be said in a language; see ``language_named``."""
    token = _SPOKEN.set(language_named(name))
    try:
        yield _SPOKEN.get()
    finally:
        _SPOKEN.reset(token)


def gettext(message: str) -> str:
    """Return a message in the language; in English where its catalogue does not have it."""
    return _SPOKEN.get().translations.gettext(message) if message else ""


def ngettext(one: str, many: str, number: int) -> str:
    """Return the form of a message that goes with a number."""
    return _SPOKEN.get().translations.ngettext(one, many, number)


def pgettext(context: str, message: str) -> str:
    """Return a message that means something else where the context is another."""
    return _SPOKEN.get().translations.pgettext(context, message)


def npgettext(context: str, one: str, many: str, number: int) -> str:
    """Return the form of a message of a context that goes with a number."""
    return _SPOKEN.get().translations.npgettext(context, one, many, number)


def numeral(number: str) -> str:
    r"""Return a number that is written as in English as the language writes it.

    >>> numeral("1,934.2")
    '1,934.2'
    >>> with speaking("fr"):
    ...     numeral("1,934.2")
    '1\u202f934,2'
    """
    return number.translate(_SPOKEN.get().signs)


def percentage(number: str) -> str:
    """Return a number that is written as in English with the sign of percent.

    >>> percentage("12.5")
    '12.5%'
    """
    return gettext("{number}%").format(number=numeral(number))


def country_name(iso3: str, english: str) -> str:
    """Return how CLDR calls a country in the language; as in English where it does not know it.

    >>> with speaking("fr"):
    ...     country_name("ETH", "Ethiopia"), country_name("XKX", "Kosovo")
    ('Éthiopie', 'Kosovo')
    """
    spoken = _SPOKEN.get()
    if spoken.code == ENGLISH:
        return english
    iso2 = get_global("territory_aliases").get(iso3, [""])[0]
    return spoken.countries.get(iso2, english)


@lru_cache
def _parsed(content: bytes, name: str) -> Language:
    """Return the language of a catalogue; messages that are fuzzy are left out, as gettext does."""
    try:
        catalogue = read_po(BytesIO(content), abort_invalid=True)
        code = str(catalogue.locale_identifier or "")
        _require_fitting(catalogue, name)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        return Language.of(code, GNUTranslations(BytesIO(compiled.getvalue())))
    except PoFileError as error:
        line = f", line {error.lineno}" if error.lineno is not None and error.lineno >= 0 else ""
        raise LanguageError(f"{name}{line}: {error}.") from None
    except UnicodeDecodeError:
        raise LanguageError(f"{name} is not text in UTF-8.") from None
    except (UnknownLocaleError, ValueError):
        raise LanguageError(
            f'{name}: its head has to say which language it is in, as "Language: es\\n"; '
            f"'{code}' is none that is known."
        ) from None


def _require_fitting(catalogue: Catalog, name: str) -> None:
    """Require that no translation leaves open, or marks up, anything but what its message does."""
    for message in catalogue:
        if message.id and (wrong := misfits(message)):
            raise LanguageError(f"{name}, line {message.lineno}: {wrong}.")


def forms_of(text: str | tuple[str, ...] | list[str]) -> list[str]:
    """Return the forms of a message, of which one with a plural has several."""
    return [text] if isinstance(text, str) else list(text)


def misfits(message: Message) -> str:
    """Return what is wrong with the placeholders and tags of a translation; nothing where it fits.

    Of a message with a plural, a form may leave out what the English forms say.
    """
    originals = forms_of(message.id)
    plural = len(originals) > 1
    for text in filter(None, forms_of(message.string or "")):
        for kind in (PLACEHOLDER, TAG):
            known = {found for one in originals for found in kind.findall(one)}
            here = set(kind.findall(text))
            if wrong := here - known:
                return f"'{min(wrong)}' is not in the English text '{originals[0]}'"
            if not plural and (lacking := known - here):
                return f"'{min(lacking)}' of the English text '{originals[0]}' is missing"
        if any("%(" in one for one in originals) and "%" in re.sub(r"%\(\w+\)s|%%", "", text):
            return f"a percent sign has to be doubled in '{text}'"
    return ""
