from django.db import migrations

from urm.tenancy.operations import EnforceTenancy


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_initial"), ("members", "0003_log")]

    operations = [
        EnforceTenancy("Programme"),
        EnforceTenancy("Tier"),
        EnforceTenancy("Account"),
        EnforceTenancy("Transfer", append_only=True),
        EnforceTenancy("Lot"),
        EnforceTenancy("Allocation", append_only=True),
        EnforceTenancy("Reconciliation", append_only=True),
        EnforceTenancy("TierChange", append_only=True),
        EnforceTenancy("Reward"),
        EnforceTenancy("Redemption"),
    ]
