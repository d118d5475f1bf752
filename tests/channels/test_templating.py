"""What staff may write, and what is refused or stopped."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone, translation

from urm.channels.templating import TemplateError, parse


def text(source: str, **values: Any) -> str:
    return parse(source, html=False).render(values)


def html(source: str, **values: Any) -> str:
    return parse(source, html=True).render(values)


def test_render_fills_in_and_falls_back() -> None:
    source = "Hi {{ member.first_name | default: 'there' }}, {{ points }}"
    assert text(source, member={"first_name": "Ada"}, points=120) == "Hi Ada, 120"
    assert text(source, member={"first_name": None}, points=0) == "Hi there, 0"
    assert text(source) == "Hi there, "


def test_render_escapes_values_in_html_only() -> None:
    assert html("<b>{{ x }}</b>", x="<script>'\"&") == "<b>&lt;script&gt;&#39;&#34;&amp;</b>"
    assert text("{{ x }}", x="<b>&") == "<b>&"


def test_render_escapes_filtered_and_captured_values_too() -> None:
    assert html("{{ x | append: ' <i>' }}", x="<b>") == "&lt;b&gt; <i>"  # what the author wrote is the author's
    assert html("{{ '<i>Q</i>' | replace: 'Q', x }}", x="<b>") == "<i>&lt;b&gt;</i>"
    assert html("{{ '<i>' | append: x | upcase }}", x="<b>") == "<I>&LT;B&GT;"
    assert html("{% capture y %}{{ x }}{% endcapture %}{{ y }}", x="<b>") == "&lt;b&gt;"
    assert html("{{ x | newline_to_br }}", x="<b>\n") == "&lt;b&gt;<br />\n"


def test_parse_knows_what_a_template_asks_for() -> None:
    source = "{{ member.first_name }}{% for x in member.list %}{{ x }}{% endfor %}{% if points > 1 %}{% endif %}"
    assert parse(source, html=False).paths == {"member.first_name", "member.list", "points"}


def test_date_follows_language_zone_and_format() -> None:
    moment = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    with timezone.override("Asia/Shanghai"):
        assert text("{{ d | date: '%Y-%m-%d %H:%M' }}", d=moment) == "2026-03-02 07:30"
    assert text("{{ d | date: '%-d %B %Y' }}", d=date(2026, 3, 1)) == "1 March 2026"
    with translation.override("zh-hans"):
        assert text("{{ d | date: '%B' }}", d="2026-03-01") == "三月"
    assert text("{{ d | date: '%Y' | default: 'never' }}", d=None) == "never"


def test_money_follows_the_workspace() -> None:
    assert text("{{ a | money }}", a=Decimal("1234.5"), workspace={"currency": "USD"}) == "$1,234.50"
    assert text("{{ a | money | default: '–' }}", workspace={"currency": "USD"}) == "–"


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..20000000) %}x{% endfor %}",
        "{% for i in (1..n) %}x{% endfor %}",
        "{% assign r = (1..9) %}",
        "{{ (1..9) | join: ',' }}",
        "{{ x | default: (1..9) }}",
        "{% if x == (1..9) %}{% endif %}",
        "{% case x %}{% when (1..9) %}{% endcase %}",
        "{% if y %}{% else %}{% for i in (1..3) %}{% endfor %}{% endif %}",
        "{% capture z %}{% for i in (1..3) %}{% endfor %}{% endcapture %}",
        "{% for i in x limit: (1..3) %}{% endfor %}",
        "{{ x[(1..3)] }}",
        "{% include 'settings' %}",
        "{% render 'settings' %}",
        "{% tablerow i in x %}{% endtablerow %}",
        "{% increment i %}",
        "{% liquid\necho x %}",
        "{{ x | safe }}",
        "{{ x | escapejs }}",
        "{{ x | nonsense }}",
        "{% if x %}",
        "{{ x ",
        "{{ | }}",
        "{% if a %}" * 40 + "{% endif %}" * 40,
        "x" * 300_001,
    ],
)
def test_parse_refuses(source: str) -> None:
    with pytest.raises(TemplateError):
        parse(source, html=True)


@pytest.mark.parametrize(
    "source",
    [
        "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 40,
        "{% assign a = 'aaaaaaaaaaaaaaaaaaaa' %}" + "{% assign a = a | replace: 'a', a %}" * 6 + "{{ a }}",
        "{{ big | replace: '', big }}",
        "{% assign n = 99999999 %}" + "{% assign n = n | times: n %}" * 40,
        "{{ 5 | round: -1000000000 }}",
        "{{ 5 | divided_by: 0 }}",
        "{% for a in l %}{% for b in l %}{% for c in l %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in l %}x{% endfor %}" * 50,
        "{% assign l = big | split: '' %}",
        "{{ d | date: '%999999999d' }}",
        "{{ 'x' | truncate: 99999999999999999999 }}",
    ],
)
def test_render_stops_what_would_grow_without_end(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(TemplateError):
        text(source, l=list(range(100)), big="x" * 19_000, d=date(2026, 1, 1), x="1", m={})
    assert time.monotonic() - started < 1


def test_render_reaches_no_python() -> None:
    class Person:
        secret = "s3cret"

        def method(self) -> str:
            return "called"

    for path in ("p.secret", "p.method", "p.__class__", "p['__class__']", "s.__class__.__mro__", "s.upper", "d.keys"):
        assert text(f"{{{{ {path} }}}}", p=Person(), s="x", d={}) == ""


def test_error_names_line_and_reason() -> None:
    with pytest.raises(TemplateError) as caught:
        parse("first\n{% for i in (1..3) %}{% endfor %}", html=False)
    assert str(caught.value) == "Ranges such as (1..10) are not allowed. (line 2: {% for i in (1..3) %}{% endfor %})"


_PATHS = ["a", "a.b", "a.size", "a.b.c", "missing", "missing.x", "n", "l", "l.first", "a[0]", "l[0]", "now", "a['b']"]
_CHAINS = [
    "",
    "| default: 'no <b>one</b>'",
    "| default: 7 | plus: 1",
    "| upcase | append: ' <i>' | append: a.b",
    "| escape",
    "| money | default: '–'",
    "| number: 1",
    "| truncate: 5, '…'",
    "| replace: 'x', '<y>'",
    "| newline_to_br",
    "| join: ', '",
    "| divided_by: 0",
    "| date: '%Y-%m-%d'",
    "| default: 'x', allow_false: true",
    "| size",
    "| round: 99",
]
_VALUES: list[Any] = [
    None,
    "",
    "x<>&'\"\n",
    0,
    3,
    2.5,
    Decimal("1.50"),
    True,
    False,
    [],
    ["p", "<q>"],
    {},
    {"b": "<v>"},
]


@pytest.mark.parametrize("html", [True, False])
@pytest.mark.parametrize("chain", _CHAINS)
def test_short_way_of_rendering_says_what_the_long_one_says(html: bool, chain: str) -> None:
    """Every path and value through every chain of filters, both ways."""
    different = []
    for path in _PATHS:
        template = parse(f"<p>{{{{ {path} {chain} }}}}</p>\n", html=html)
        for value in _VALUES:
            values = {"a": value, "n": value, "l": value, "workspace": {"currency": "USD"}}
            answers = []
            for render in (template._straight or template._template.render, template._template.render):
                try:
                    answers.append(render(values))
                except Exception as error:
                    answers.append(type(error).__name__)
            if answers[0] != answers[1] and path != "now":
                different.append((path, value, answers))
    assert different == []


def test_short_way_is_taken_where_there_are_no_blocks() -> None:
    assert parse("Hi {{ member.first_name | default: 'you' }}", html=True)._straight is not None
    assert parse("{% if a %}{{ b }}{% endif %}", html=True)._straight is None
    assert parse("{{ a | append: b }}", html=True)._straight is None
