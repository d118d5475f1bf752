"""A sync of a segment that was through once and then met a receiver that is down."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from segments.actions.audiences import create_audience_sync, next_batch, note_failure, settle_batch
from segments.models import Segment, SyncBatch
from urm.tenancy.models import Tenant


def build(tenant: Tenant) -> None:
    friends = Segment.objects.get(name="Friends of the house")
    sync, _secret = create_audience_sync(
        name="Lookalikes", segment=friends, destination="webhook", url="https://ads.example.com/audience"
    )
    batch = next_batch(sync=sync, now=timezone.now())
    assert batch is not None
    settle_batch(batch=batch, now=timezone.now())
    failed = SyncBatch.objects.create(sync=sync, number=2, key=uuid4(), kind="change", removed=[[1, "C0000"]])
    note_failure(
        batch=failed, problem="The receiver answered 503.", final=False, wait=timedelta(hours=1), now=timezone.now()
    )
