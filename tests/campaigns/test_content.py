"""From what staff write to what members see."""

import re

import pytest
from django.core.exceptions import ValidationError

from campaigns.actions.campaigns import launch_campaign
from campaigns.actions.messages import change_message, create_message
from campaigns.models import Campaign, Message
from campaigns.queries.content import TOKEN_MARK, ContentError, html_to_text, prepare
from campaigns.queries.lint import check_campaign, check_message
from campaigns.queries.rendering import render_preview
from tests.campaigns.conftest import BODY, make_campaign, make_member, make_message, make_segment
from urm.tenancy.models import Tenant

MJML = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Hi {{ member.first_name | default: "you" }} {% if points > 100 %}gold{% endif %}</mj-text>
<mj-button href="https://shop.example/sale">Sale</mj-button>
<mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""


def message(**fields: str) -> Message:
    return Message(**{"tenant_id": 1, "name": "x", "subject": "Hi", "body": BODY, "format": "html", **fields})


def test_prepare_numbers_each_target_once_and_leaves_merge_fields_alone() -> None:
    body = (
        '<a href="https://a.example/?x=1&amp;y=2">1</a><a class="b" href=\'https://b.example/\'>2</a>'
        '<a href="https://a.example/?x=1&amp;y=2">again</a><a href="https://c.example/{{ member.city }}">3</a>'
        '<a href="{{ unsubscribe_url }}">out</a><a href="mailto:x@y.example">mail</a>'
    )
    content = prepare(message(body=body), tracked=True)
    assert content.links == ("https://a.example/?x=1&y=2", "https://b.example/")
    html = content.html.render({"member": {"city": "Rome"}, "unsubscribe_url": "https://out.example/"})
    clicks = re.findall(rf'href="[^"]*/m/c/{TOKEN_MARK}/(\d+)"', html)
    assert clicks == ["1", "2", "1"]
    assert 'href="https://c.example/Rome"' in html
    assert html.count(f"/m/o/{TOKEN_MARK}.gif") == 1


def test_prepare_without_tracking_changes_no_address() -> None:
    html = prepare(message(), tracked=False).html.render({})
    assert TOKEN_MARK not in html
    assert 'href="https://shop.example/sale?a=1&amp;b=2"' in html


def test_prepare_lays_out_mjml_with_liquid_in_it() -> None:
    content = prepare(message(format="mjml", body=MJML), tracked=True)
    html = content.html.render(
        {"member": {"first_name": "<Ada>"}, "points": 120, "unsubscribe_url": "https://u.example"}
    )
    assert "Hi &lt;Ada&gt; gold" in html
    assert content.links == ("https://shop.example/sale",)
    assert "googleapis" not in html


@pytest.mark.parametrize(
    "body",
    [
        "<mjml><mj-body>",
        "no mjml",
        "<mjml><mj-head><mj-title>{{ y }}</mj-title>{{ z }}</mj-head><mj-body></mj-body></mjml>",
    ],
)
def test_prepare_refuses_broken_mjml(body: str) -> None:
    with pytest.raises(ContentError) as caught:
        prepare(message(format="mjml", body=body), tracked=True)
    assert caught.value.field == "body"


def test_prepare_inlines_styles_unless_that_breaks_a_loop() -> None:
    styled = "<style>p { color: red }</style><p>{{ x }}</p>"
    assert '<p style="color: red;">1</p>' in prepare(message(body=styled), tracked=False).html.render({"x": 1})
    rows = "<style>td { color: red }</style><table>{% for i in x %}<tr><td>{{ i }}</td></tr>{% endfor %}</table>"
    html = prepare(message(body=rows), tracked=False).html.render({"x": [1, 2]})
    assert "<table><tr><td>1</td></tr><tr><td>2</td></tr></table>" in html


def test_plain_text_is_made_from_the_body() -> None:
    text = prepare(message(), tracked=True).text.render(
        {
            "member": {"first_name": "A&B"},
            "segment": {"value_proposition": "x > y"},
            "unsubscribe_url": "https://u.example",
        }
    )
    assert text == (
        "Hello A&B\n\nx > y\n\nSale (https://shop.example/sale?a=1&b=2) New (https://shop.example/new)\n\n"
        "Unsubscribe (https://u.example)\n"
    )


def test_html_to_text_keeps_liquid_and_drops_styles() -> None:
    html = '<style>p{}</style><p>{% if a > b %}1{% endif %}</p><img alt="Logo" src="x"><br>end'
    assert html_to_text(html) == "{% if a > b %}1{% endif %}\n[Logo]\nend\n"


def test_create_message_refuses_what_cannot_be_read(in_acme: Tenant) -> None:
    for field, value in (
        ("subject", "{{ x"),
        ("body", "{% for i in (1..100000000) %}x{% endfor %}"),
        ("text", "{{ x | safe }}"),
        ("body", "nul \x00"),
    ):
        with pytest.raises(ValidationError) as caught:
            make_message(**{field: value})
        assert list(caught.value.message_dict) == [field]


def test_change_message_is_refused_once_a_campaign_is_under_way(in_acme: Tenant) -> None:
    segment = make_segment()
    make_member(segment, 1)
    campaign = make_campaign(segment)
    changed = change_message(message=campaign.message, subject="New")
    assert changed.subject == "New"
    launch_campaign(campaign=Campaign.objects.get(pk=campaign.pk))
    with pytest.raises(ValidationError) as caught:
        change_message(message=campaign.message, subject="Newer")
    assert caught.value.code == "in_use"


def found(**fields: str) -> list[tuple[str, str]]:
    return [(finding.field, finding.text) for finding in check_message(message(**fields)) if finding.blocking]


def test_check_message_names_what_has_to_be_put_right(in_acme: Tenant) -> None:
    assert found() == []
    assert found(subject="  ") == [("subject", "The subject is empty.")]
    assert found(body=BODY + "{{ member.shoe }}") == [("body", "Unknown variable: member.shoe.")]
    assert found(body="<p>hi</p>", text="{{ unsubscribe_url }}") == [
        ("body", "There is no unsubscribe link: add {{ unsubscribe_url }}.")
    ]
    assert found(text="hi") == [("text", "The plain text has no unsubscribe link: add {{ unsubscribe_url }}.")]


def test_check_message_advises(in_acme: Tenant) -> None:
    body = BODY + (
        '<img src="x"><script>1</script><a href="http://plain.example/">x</a>'
        '<a href="https://x.example/{{ member.city }}">y</a>{{ member.attributes.colour }}'
    )
    texts = [finding.text for finding in check_message(message(body=body, subject="x" * 91)) if not finding.blocking]
    assert texts == [
        "The attribute member.attributes.colour is not registered; members without it get the default.",
        "Long subjects are cut off on phones.",
        "Scripts, forms and frames do not work in mail programs: remove them.",
        "A picture has no alternative text (alt).",
        "Clicks on links with merge fields are not counted.",
        "A link is not encrypted (http://).",
    ]


def test_check_campaign_misses_the_value_proposition(in_acme: Tenant) -> None:
    segment = make_segment()
    segment.value_proposition = ""
    segment.save()
    assert [finding.field for finding in check_campaign(make_campaign(segment))] == ["segment"]


def test_preview_shows_a_members_own_values(in_acme: Tenant) -> None:
    segment = make_segment()
    subject = "{{ member.name }}, {{ last_purchase.amount | money | default: 'welcome' }}"
    campaign = make_campaign(segment, make_message(subject=subject))
    member = make_member(segment, 1, first_name="<b>Ada", last_name="L")
    shown = render_preview(campaign.message, member, campaign)
    assert shown.subject == "<b>Ada L, welcome"
    assert "Hello &lt;b&gt;Ada" in shown.html
    assert "Fresh bread &amp; cheese" in shown.html
    assert "Fresh bread & cheese" in shown.text


def test_create_message_names_missing_fields(in_acme: Tenant) -> None:
    with pytest.raises(ValidationError) as caught:
        create_message(name="", subject="", body="")
    assert sorted(caught.value.message_dict) == ["body", "name", "subject"]
