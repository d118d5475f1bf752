"""Puts the roll-ups under tenancy; days of members have a three-column key, beyond Django's schema editor."""

from django.db import migrations

from urm.tenancy.operations import EnforceTenancy, enable_row_level_security

MEMBER_DAY = """
CREATE TABLE analytics_memberday (
    tenant_id bigint        NOT NULL,
    day       date          NOT NULL,
    member_id bigint        NOT NULL,
    events    integer       NOT NULL,
    orders    integer       NOT NULL,
    revenue   numeric(24,4) NOT NULL,
    PRIMARY KEY (tenant_id, day, member_id)
);
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]

    operations = [
        migrations.RunSQL(MEMBER_DAY, "DROP TABLE analytics_memberday"),
        migrations.RunSQL(enable_row_level_security("analytics_memberday"), migrations.RunSQL.noop),
        EnforceTenancy("KpiSettings"),
        EnforceTenancy("MemberSummary"),
        EnforceTenancy("PeriodTotals"),
        EnforceTenancy("CohortCell"),
        EnforceTenancy("DailySize"),
        EnforceTenancy("StaleDay"),
        EnforceTenancy("RollupState"),
    ]
