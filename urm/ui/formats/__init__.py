"""Numbers and money the way readers write them; the folders are Django's format modules (FORMAT_MODULE_PATH)."""

import json
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from urm.lib.figures import money, number, percent

__all__ = ["json_text", "money", "number", "percent"]


def json_text(data: Any) -> SafeString:
    """JSON, indented, in a box that scrolls by itself."""
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    return format_html('<pre class="ui-code ui-scroll" tabindex="0">{}</pre>', text)
