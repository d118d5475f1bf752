"""What stands in the catalogues of this project."""

import gettext
from pathlib import Path

from django.conf import settings

CATALOGUES = "*/**/locale/zh_Hans/LC_MESSAGES/django.po"


def catalogues() -> list[Path]:
    """The .po files of every app, the kernel's included."""
    root = Path(settings.BASE_DIR)
    return sorted(path for path in root.glob(CATALOGUES) if ".venv" not in path.parts)


def translated() -> dict[str, str]:
    """English to Chinese, as compiled."""
    found: dict[str, str] = {}
    for path in catalogues():
        with path.with_suffix(".mo").open("rb") as stream:
            entries = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
        found |= {key: text for key, text in entries.items() if isinstance(key, str) and key and text != key}
    return found
