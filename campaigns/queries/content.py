"""From a message as staff wrote it to templates that are ready to be filled in per member."""

import re
import secrets
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from html.parser import HTMLParser

import css_inline
import mrml
from django.utils.translation import gettext as _

from campaigns.models import Message
from urm.channels.templating import LONGEST_SOURCE, Template, TemplateError, parse
from urm.lib.addresses import public_url

MOST_LINKS = 200
# Stands for the delivery's token in prepared templates; nobody can write it, for nobody knows it.
TOKEN_MARK = f"urm-{secrets.token_hex(12)}"

_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_NONCE = secrets.token_hex(4)
_STAND_IN = re.compile(rf"zq{_NONCE}L(\d+)Lqz")
_HREF = re.compile(r"""(<a\b[^>]*?\bhref\s*=\s*)(["'])(https?://[^"'<>\s]+)\2""", re.IGNORECASE)
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
_RENDER_OPTIONS = mrml.RenderOptions(fonts={})  # no fonts from other people's servers


class ContentError(ValueError):
    """`field` of the message that is wrong, and why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Content:
    """`links[n − 1]` is where the click address number n leads; empty when nothing is tracked."""

    subject: Template
    html: Template
    text: Template
    links: tuple[str, ...]
    mostly_ascii: bool

    @property
    def paths(self) -> frozenset[str]:
        return self.subject.paths | self.html.paths | self.text.paths


def prepare(message: Message, *, tracked: bool) -> Content:
    """Parse, lay out and (if `tracked`) put click addresses and the open picture in; raises ContentError."""
    return _prepare(message.subject, message.format, message.body, message.text, tracked)


def click_path(token: str, number: int) -> str:
    return f"/m/c/{token}/{number}"


def open_path(token: str) -> str:
    return f"/m/o/{token}.gif"


def unsubscribe_path(token: str) -> str:
    return f"/m/u/{token}"


@lru_cache(maxsize=128)
def _prepare(subject: str, kind: str, body: str, text: str, tracked: bool) -> Content:
    subject_template = _parse("subject", subject, html=False)
    _parse("body", body, html=True)  # its errors name the author's own lines
    layout = _layout(kind, body)
    text_template = _parse("text", text or html_to_text(layout), html=False)
    links: tuple[str, ...] = ()
    if tracked:
        layout, links = _track(layout)
    written = layout + text
    mostly_ascii = sum(not character.isascii() for character in written) * 6 < len(written)
    return Content(subject_template, _parse("body", layout, html=True), text_template, links, mostly_ascii)


def _parse(field: str, source: str, *, html: bool) -> Template:
    if "\x00" in source:
        raise ContentError(field, _("There is a NUL character in it: remove it."))
    try:
        return parse(source, html=html)
    except TemplateError as error:
        raise ContentError(field, str(error)) from error


def _layout(kind: str, body: str) -> str:
    """The HTML document, styles inlined."""
    hidden, liquid = _hide_liquid(body)
    if kind == Message.Format.MJML:
        try:
            html = mrml.to_html(hidden, None, _RENDER_OPTIONS).content
        except OSError as error:
            raise ContentError("body", _("The MJML cannot be read: %(reason)s") % {"reason": error}) from error
        if _order(html) != _order(hidden):
            raise ContentError(
                "body", _("Liquid must stand inside MJML's texts, or between rows in mj-raw; elsewhere it gets lost.")
            )
    else:
        html = hidden if re.search(r"<html\b", hidden, re.IGNORECASE) else _document(hidden)
        if re.search(r"<style\b", html, re.IGNORECASE):
            inlined = _INLINER.inline(html)
            # A loop between the rows of a table would be pushed out of it: better styles in the head than broken rows.
            html = inlined if _order(inlined) == _order(html) else html
    if len(html) > LONGEST_SOURCE:
        raise ContentError("body", _("The laid out message is too long."))
    return _show_liquid(html, liquid)


def _hide_liquid(source: str) -> tuple[str, list[str]]:
    """Liquid travels through HTML parsers as stand-ins: none of them understands `{% if a > b %}`."""
    liquid: list[str] = []

    def stand_in(match: re.Match[str]) -> str:
        liquid.append(match[0])
        return f"zq{_NONCE}L{len(liquid) - 1}Lqz"

    return _LIQUID.sub(stand_in, source), liquid


def _show_liquid(html: str, liquid: list[str]) -> str:
    return _STAND_IN.sub(lambda match: liquid[int(match[1])], html)


def _order(html: str) -> list[str]:
    return _STAND_IN.findall(html)


def _document(fragment: str) -> str:
    return (
        '<!doctype html><html><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        f"<body>{fragment}</body></html>"
    )


def _track(html: str) -> tuple[str, tuple[str, ...]]:
    """Links without merge fields lead through the click address; each target has one number."""
    numbers: dict[str, int] = {}

    def click(match: re.Match[str]) -> str:
        url = unescape(match[3])
        if "{{" in url or "{%" in url or (url not in numbers and len(numbers) == MOST_LINKS):
            return match[0]
        number = numbers.setdefault(url, len(numbers) + 1)
        return f'{match[1]}"{escape(public_url(click_path(TOKEN_MARK, number)))}"'

    html = _HREF.sub(click, html)
    picture = f'<img src="{escape(public_url(open_path(TOKEN_MARK)))}" width="1" height="1" alt="">'
    before, body_end, after = html.rpartition("</body>")
    html = f"{before}{picture}{body_end}{after}" if body_end else html + picture
    return html, tuple(numbers)


class _ToText(HTMLParser):
    """Text with blank lines between blocks and addresses behind their words."""

    _BLOCKS = {
        "p",
        "div",
        "br",
        "tr",
        "li",
        "ul",
        "ol",
        "table",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "blockquote",
    }
    _SILENT = {"style", "script", "head", "title"}

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.silent = 0
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in self._SILENT:
            self.silent += 1
        elif tag in self._BLOCKS:
            self.pieces.append("\n")
        if tag == "a":
            self.addresses.append(given.get("href") or "")
        elif tag == "img" and given.get("alt"):
            self.pieces.append(f"[{given['alt']}]")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in self._BLOCKS:
            self.pieces.append("\n")
        if tag == "a" and self.addresses and (address := self.addresses.pop()):
            self.pieces.append(f" ({address})")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.pieces.append(re.sub(r"\s+", " ", data))


def html_to_text(html: str) -> str:
    """The plain-text part of a message that came without one; Liquid stays as it is."""
    hidden, liquid = _hide_liquid(html)
    parser = _ToText()
    parser.feed(hidden)
    parser.close()
    lines = [line.strip() for line in "".join(parser.pieces).split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
    return _show_liquid(text, liquid)
