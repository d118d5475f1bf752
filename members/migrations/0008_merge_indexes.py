"""Indexes of a large table are built without keeping writers out."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("members", "0007_identities")]

    operations = [
        AddIndexConcurrently(
            model_name="member",
            index=models.Index(
                condition=models.Q(("merged_into__isnull", False)),
                fields=["tenant", "merged_into", "id"],
                name="member_merged",
            ),
        ),
        AddIndexConcurrently(
            model_name="member",
            index=models.Index(
                condition=models.Q(("birthday__isnull", False)), fields=["tenant", "birthday"], name="member_birthday"
            ),
        ),
    ]
