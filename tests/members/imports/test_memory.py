"""A long file needs no more memory than a short one."""

import tracemalloc
from collections.abc import Iterator

from members.actions.imports import check_import, save_mapping, upload
from members.actions.imports.running import run_import
from members.models import Import, Member
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

SHORT, LONG = 2_000, 6_000


def file_of(rows: int) -> Iterator[bytes]:
    yield b"external_id,email,first_name,city,attributes.pets\r\n"
    for start in range(0, rows, 1000):
        numbers = range(start, start + 1000)
        yield "".join(f"c{n},person{n}@example.com,Name {n},Rome,{n % 7}\r\n" for n in numbers).encode()


def peaks(tenant: Tenant, rows: int) -> tuple[int, int]:
    """The most memory at once, in bytes, while a file is checked and while it is written."""
    found = []
    job = upload(name=f"{rows}.csv", chunks=file_of(rows))
    save_mapping(job=job, columns=job.columns, mode="overwrite", options={})
    tracemalloc.start()
    for step in (check_import, run_import):
        tracemalloc.reset_peak()
        step(job=Import.objects.get(pk=job.pk))
        drain(tenant.pk, names=["jobs"])
        found.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert Import.objects.get(pk=job.pk).state == "done"
    return found[0], found[1]


def test_long_file_is_imported_in_flat_memory(in_acme: Tenant) -> None:
    checking, writing = peaks(in_acme, SHORT)
    checking_long, writing_long = peaks(in_acme, LONG)
    assert Member.objects.count() == LONG
    assert checking_long < 1.5 * checking
    assert writing_long < 1.5 * writing
