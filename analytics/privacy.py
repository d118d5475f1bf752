"""Figures: per day and member as numbers, otherwise about nobody."""

from urm.privacy import Table, declare

declare(
    Table("analytics_kpisettings", neutral="id tenant_id purchase_event churn_window_days"),
    Table(
        "analytics_memberday",
        person="member_id",
        pseudonymous="member_id",
        neutral="tenant_id day events orders revenue",
    ),
    Table(
        "analytics_membersummary",
        person="member_id",
        pseudonymous="member_id",
        neutral="tenant_id first_seen_day first_active_day last_active_day first_order_day cohort orders revenue",
    ),
    Table(
        "analytics_periodtotals",
        neutral="id tenant_id grain start events active orders revenue buyers repeat_buyers returning_buyers "
        "new_members new_customers base lost churn_until",
    ),
    Table("analytics_cohortcell", neutral="id tenant_id cohort month buyers orders revenue"),
    Table("analytics_dailysize", neutral="id tenant_id day kind key size"),
    Table("analytics_rfmgrid", neutral="id tenant_id day event window_days buyers cuts computed_at stale"),
    Table(
        "analytics_rfmscore",
        person="member_id",
        pseudonymous="member_id",
        neutral="tenant_id r f m orders amount last_at",
    ),
    Table("analytics_staleday", neutral="tenant_id day"),
    Table("analytics_rollupstate", neutral="id tenant_id night time_zone rolled_at sized_at rebuild_requested_at"),
)
