"""Deliveries, whose key has three columns, and tenancy for all tables."""

from django.db import migrations

from urm.tenancy.operations import EnforceTenancy, enable_row_level_security

DELIVERY = """
CREATE TABLE campaigns_delivery (
    tenant_id         bigint      NOT NULL,
    run_id            bigint      NOT NULL,
    member_id         bigint      NOT NULL,
    due_at            timestamptz,
    token             bigint,
    attempts          smallint    NOT NULL DEFAULT 0,
    state             text        NOT NULL CONSTRAINT delivery_state_known CHECK
        (state IN ('queued', 'claimed', 'sending', 'sent', 'failed', 'unknown', 'skipped')),
    reason            text,
    detail            text,
    sent_at           timestamptz,
    opened_at         timestamptz,
    machine_opened_at timestamptz,
    clicked_at        timestamptz,
    unsubscribed_at   timestamptz,
    clicked_links     smallint[],
    PRIMARY KEY (tenant_id, run_id, member_id),
    CONSTRAINT delivery_due_while_open CHECK ((due_at IS NOT NULL) = (state IN ('queued', 'claimed', 'sending')))
);
-- What can be claimed, and apart from it (it is looked through for ended leases often) the little that is in work.
CREATE INDEX campaigns_delivery_queued ON campaigns_delivery (tenant_id, run_id, due_at) WHERE state = 'queued';
CREATE INDEX campaigns_delivery_in_work ON campaigns_delivery (tenant_id, run_id, due_at)
    WHERE state IN ('claimed', 'sending');
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial"), ("segments", "0002_tenancy"), ("members", "0002_tenancy")]

    operations = [
        EnforceTenancy("Message"),
        EnforceTenancy("Campaign"),
        EnforceTenancy("Run"),
        EnforceTenancy("Link"),
        migrations.RunSQL(DELIVERY, "DROP TABLE campaigns_delivery"),
        migrations.RunSQL(enable_row_level_security("campaigns_delivery"), migrations.RunSQL.noop),
    ]
