"""The catalogues: which strings the source asks for, which are translated, and their compiled form.

Needs Babel, a development dependency: a running server reads the committed .mo files only.
"""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

LANGUAGE = "zh_Hans"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)  # a date that changed each time would conflict each time
# The whole kernel shares one catalogue, as does each app.
ROOMS = ("urm", "members", "segments", "campaigns", "feedback", "loyalty", "analytics")

Key = tuple[str, ...]  # msgid, and msgid_plural where there is one


def catalogue_path(room: str) -> Path:
    return Path(settings.BASE_DIR) / room / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"


def strings_of(folder: Path) -> dict[Key, list[tuple[str, int]]]:
    """What the Python and template files under a folder hand to gettext, and where (relative to the project)."""
    found: dict[Key, list[tuple[str, int]]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix not in {".py", ".html", ".txt"} or "migrations" in path.parts or "static" in path.parts:
            continue
        source = path.read_text()
        if path.suffix != ".py":
            if "templates" not in path.parts:
                continue
            # What is left of a template is calls amid blots; indented as it was, Python would not read it.
            source = "\n".join(line.lstrip() for line in templatize(source, origin=str(path)).splitlines())
        place = str(path.relative_to(folder.parent))
        for line, message in _messages(source):
            found.setdefault(message, []).append((place, line))
    return found


def _messages(source: str) -> Iterator[tuple[int, Key]]:
    stream = io.BytesIO(source.encode())
    for line, message, _comments, _context in extract("python", stream, keywords=KEYWORDS):
        key = (message,) if isinstance(message, str) else tuple(message)
        if all(key):
            yield line, key


def unfold_strings() -> dict[Key, list[tuple[str, int]]]:
    """unfold brings no catalogue; what Django's own does not cover stands in ours. Of its extras we use the filters."""
    import unfold  # noqa: PLC0415 - only this command needs its folder

    ours = ("unfold/contrib/filters/", "unfold/contrib/forms/")
    found = {}
    for key, places in strings_of(Path(unfold.__file__).parent).items():
        used = [place for place in places if "/contrib/" not in place[0] or place[0].startswith(ours)]
        if used and not all("wysiwyg" in place[0] or "crispy" in place[0] for place in used):
            found[key] = used
    return found


def read_catalogue(room: str) -> Catalog:
    path = catalogue_path(room)
    if not path.exists():
        return Catalog(locale=LANGUAGE, domain="django", project="URM")
    with path.open("rb") as stream:
        return read_po(stream, locale=LANGUAGE, domain="django")


def compiled(catalogue: Catalog) -> bytes:
    stream = io.BytesIO()
    write_mo(stream, catalogue)
    return stream.getvalue()


def written(catalogue: Catalog) -> bytes:
    """The .po file: sorted, without dates or line numbers, so that two people's changes merge."""
    stream = io.BytesIO()
    write_po(stream, catalogue, width=120, sort_output=True, omit_header=False, no_location=True)
    return stream.getvalue()


def updated(room: str) -> Catalog:
    """The room's catalogue with an entry for each of its strings and none for others; translations are kept."""
    stored = read_catalogue(room)
    fresh = Catalog(
        locale=LANGUAGE,
        domain="django",
        project="URM",
        version="1",
        fuzzy=False,
        charset="utf-8",
        creation_date=UNDATED,
        revision_date=UNDATED,
        header_comment="# URM in simplified Chinese. `manage.py translations --help` says how this file is made.",
        msgid_bugs_address="",
        last_translator="",
        language_team="zh_Hans",
    )
    wanted = dict(strings_of(Path(settings.BASE_DIR) / room))
    if room == "urm":
        known = _django_knows()
        wanted |= {key: places for key, places in unfold_strings().items() if key[0] not in known}
    for key in wanted:
        message_id = key[0] if len(key) == 1 else key
        before = stored.get(key[0])
        text = before.string if before and not before.fuzzy else ""
        plural = len(key) > 1
        if plural and isinstance(text, str):
            text = [text]
        elif not plural and isinstance(text, (list, tuple)):
            text = text[0]
        fresh.add(message_id, text, flags=before.flags if before else ())
    return fresh


def _django_knows() -> set[str]:
    import gettext  # noqa: PLC0415 - the module, apart from Django's functions of that name

    import django  # noqa: PLC0415

    root = Path(django.__file__).parent
    known: set[str] = set()
    for path in [root / "conf", *(root / "contrib").iterdir()]:
        compiled_file = path / "locale" / LANGUAGE / "LC_MESSAGES" / "django.mo"
        if compiled_file.exists():
            with compiled_file.open("rb") as stream:
                entries = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
            known |= {key if isinstance(key, str) else key[0] for key in entries}
    return known


def untranslated(room: str) -> list[str]:
    """Strings of the room that its catalogue lacks or leaves empty."""
    stored = read_catalogue(room)
    wanted = updated(room)
    missing = []
    for message in wanted:
        if not message.id:
            continue
        key = message.id if isinstance(message.id, str) else message.id[0]
        found = stored.get(key)
        texts = found.string if found and isinstance(found.string, (list, tuple)) else [found.string if found else ""]
        if not found or found.fuzzy or not all(texts):
            missing.append(key)
    return sorted(missing)


def stale(room: str) -> bool:
    """Whether the compiled catalogue is not what the .po file says."""
    path = catalogue_path(room).with_suffix(".mo")
    if not catalogue_path(room).exists():
        return False
    return not path.exists() or path.read_bytes() != compiled(read_catalogue(room))
