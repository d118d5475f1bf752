"""What was sent to whom. Rendered messages are never stored; the mail server's words may quote an address."""

from django.utils.translation import gettext_lazy as _

from urm.privacy import BLANK, Table, declare
from urm.privacy.retention import Retention, counting, keep_for_a_time, running

declare(
    Table("campaigns_message", neutral="id tenant_id name subject format body text sender_name created_at updated_at"),
    Table(
        "campaigns_campaign",
        neutral="id tenant_id name segment_id message_id channel purpose state scheduled_at local_time time_zone "
        "created_at launched_at finished_at",
        staff="created_by launched_by",
    ),
    Table("campaigns_run", neutral="id tenant_id campaign_id fire_at audience propositions started_at finished_at"),
    Table("campaigns_link", neutral="id tenant_id campaign_id number url"),
    Table(
        "campaigns_delivery",
        title=_("Messages to you"),
        person="member_id",
        personal="detail",
        pseudonymous="member_id moved_from",
        neutral="tenant_id run_id state reason attempts due_at token sent_at opened_at machine_opened_at clicked_at "
        "clicked_links unsubscribed_at",
        hidden="tenant_id member_id moved_from due_at token attempts",
        erase=BLANK,
    ),
)

keep_for_a_time(
    Retention(
        "deliveries",
        label=_("Deliveries"),
        effect=_("Who got which message, opened and clicked it; reports of those campaigns lose their figures."),
        count=counting(
            "campaigns_delivery",
            "t.run_id IN (SELECT id FROM campaigns_run r WHERE r.tenant_id = {tenant} AND r.finished_at < %(before)s)",
        ),
        remove=running(
            "DELETE FROM campaigns_delivery WHERE tenant_id = {tenant} AND (run_id, member_id) IN ("
            "SELECT d.run_id, d.member_id FROM campaigns_delivery d JOIN campaigns_run r "
            "ON r.tenant_id = {tenant} AND r.id = d.run_id AND r.finished_at < %(before)s "
            "WHERE d.tenant_id = {tenant} LIMIT %(limit)s)"
        ),
        least_days=90,
    )
)
