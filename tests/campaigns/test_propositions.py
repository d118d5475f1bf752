"""A run keeps the versions of the value proposition with which it began, and speaks each member's language."""

from campaigns.models import Campaign, Message
from campaigns.queries.recipients import in_language, proposition_versions, shared_values
from segments.actions import create_segment, save_proposition
from urm.tenancy.models import Tenant


def test_messages_of_a_run_keep_its_versions_in_each_language(in_acme: Tenant) -> None:
    segment = create_segment(name="Bakers", kind="static", value_proposition="Bread")
    save_proposition(segment=segment, language="zh-hans", wording="面包", selling_points="新鲜")
    message = Message(name="m", subject="s", body="<p>{{ segment.value_proposition }}</p>")
    campaign = Campaign(name="c", message=message, segment=segment)
    versions = proposition_versions(segment)
    assert versions == {"en": 1, "zh-hans": 1}
    save_proposition(segment=segment, language="en", wording="Cake")
    segment.refresh_from_db()
    run, newest = shared_values(campaign, versions), shared_values(campaign)
    assert in_language(run, "en")["segment"]["value_proposition"] == "Bread"
    assert in_language(newest, "en")["segment"]["value_proposition"] == "Cake"
    assert in_language(run, "zh-cn")["segment"] == {
        "name": "Bakers",
        "value_proposition": "面包",
        "pain_points": "",
        "selling_points": "新鲜",
    }
    assert in_language(run, None)["segment"]["value_proposition"] == "Bread"


def test_segment_without_version_speaks_its_plain_text(in_acme: Tenant) -> None:
    segment = create_segment(name="Bakers", kind="static")
    segment.value_proposition = "Bread"
    campaign = Campaign(name="c", message=Message(name="m"), segment=segment)
    assert in_language(shared_values(campaign, {}), "en")["segment"]["value_proposition"] == "Bread"
