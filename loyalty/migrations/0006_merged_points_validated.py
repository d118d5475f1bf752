"""The rows that are there are checked in a transaction of its own, which keeps nobody from writing."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0005_merged_points")]

    operations = [ValidateConstraint(model_name="transfer", name="loyalty_transfer_amount")]
