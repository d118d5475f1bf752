from django.db import migrations

from urm.tenancy.operations import EnforceTenancy


class Migration(migrations.Migration):
    dependencies = [("members", "0001_initial")]

    operations = [
        EnforceTenancy("Member"),
        EnforceTenancy("Identity"),
        EnforceTenancy("AttributeDefinition"),
        EnforceTenancy("ConsentRecord", append_only=True),
        EnforceTenancy("Consent"),
        EnforceTenancy("Suppression"),
        EnforceTenancy("Tag"),
        EnforceTenancy("MemberTag"),
        EnforceTenancy("MemberState"),
        EnforceTenancy("DirtyMember"),
        EnforceTenancy("InboxEntry"),
        EnforceTenancy("EventName"),
        EnforceTenancy("EventKey"),
        EnforceTenancy("Cursor"),
        EnforceTenancy("ParkedEvent"),
    ]
