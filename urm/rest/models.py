"""The answers of POSTs that carried an Idempotency-Key."""

from django.db import models
from django.utils import timezone

from urm.tenancy.models import TenantModel


class IdempotentAnswer(TenantModel):
    """What was answered to a key, a method and an address; written in the transaction of the effect itself."""

    api_key_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    location = models.TextField(default="")
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "api_key_id", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["tenant", "created_at"], name="idempotent_answer_by_age")]

    def __str__(self) -> str:
        return self.key
