"""Mixed tenants on reused connections, with failures in between: no row lands where it does not belong."""

import random
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, transaction

from members.models import Tag
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

ROUNDS = 60


def work(seed: int, tenants: list[int]) -> dict[str, int]:
    """Write tags named after the tenant on one connection, failing at random; returns how many each should keep."""
    choose = random.Random(seed)
    kept: dict[str, int] = {}
    for turn in range(ROUNDS):
        tenant_id = choose.choice(tenants)
        fail = choose.random() < 0.4
        try:
            with tenant_context(tenant_id), transaction.atomic():
                Tag.objects.create(name=f"{tenant_id}-{seed}-{turn}")
                with connection.cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM members_tag WHERE name NOT LIKE %s", [f"{tenant_id}-%"])
                    assert cursor.fetchone() == (0,)
                    if fail:
                        cursor.execute("SELECT 1 / 0")
        except Exception as error:
            if not fail or isinstance(error, AssertionError):
                raise
        else:
            kept[str(tenant_id)] = kept.get(str(tenant_id), 0) + 1
        if choose.random() < 0.1:
            connection.close()
    connection.close()
    return kept


def test_concurrent_tenants_with_failures_keep_their_rows_apart(committed_db: None) -> None:
    tenants = [Tenant.objects.create(slug=slug, name=slug).pk for slug in ("acme", "globex", "initech")]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda seed: work(seed, tenants), range(6)))
    for tenant_id in tenants:
        with tenant_context(tenant_id):
            names = list(Tag.objects.values_list("name", flat=True))
        assert [name for name in names if not name.startswith(f"{tenant_id}-")] == []
        assert len(names) == sum(result.get(str(tenant_id), 0) for result in results)
