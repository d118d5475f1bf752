from django.db import migrations

from urm.tenancy.operations import EnforceTenancy


class Migration(migrations.Migration):
    dependencies = [("feedback", "0001_initial"), ("members", "0003_log")]

    operations = [
        EnforceTenancy("Survey"),
        EnforceTenancy("Question"),
        EnforceTenancy("Invitation"),
        EnforceTenancy("Response"),
        EnforceTenancy("Answer"),
    ]
