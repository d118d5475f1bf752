from django.db import migrations

from urm.tenancy.operations import EnforceTenancy


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial"), ("members", "0003_log")]

    operations = [
        EnforceTenancy("Segment"),
        EnforceTenancy("StaticMember"),
        EnforceTenancy("Stage"),
        EnforceTenancy("TagRule"),
        EnforceTenancy("Change", append_only=True),
    ]
