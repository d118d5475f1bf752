"""A long file needs no more memory than a short one."""

import tracemalloc
from collections.abc import Iterator

from members.actions.imports import check_import, save_mapping, upload
from members.actions.imports.running import run_import
from members.models import Import, Member
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

ROWS = 20_000
MEGABYTE = 1024 * 1024


def long_file(rows: int) -> Iterator[bytes]:
    yield b"external_id,email,first_name,city,attributes.pets\r\n"
    for start in range(0, rows, 1000):
        numbers = range(start, start + 1000)
        yield "".join(f"c{n},person{n}@example.com,Name {n},Rome,{n % 7}\r\n" for n in numbers).encode()


def test_long_file_is_imported_in_flat_memory(in_acme: Tenant) -> None:
    tracemalloc.start()
    job = upload(name="long.csv", chunks=long_file(ROWS))
    save_mapping(job=job, columns=job.columns, mode="overwrite", options={})
    check_import(job=job)
    drain(in_acme.pk, names=["jobs"])
    _now, while_checking = tracemalloc.get_traced_memory()
    job = Import.objects.get()
    assert job.counts == {"new": ROWS}
    tracemalloc.reset_peak()
    run_import(job=job)
    drain(in_acme.pk, names=["jobs"])
    _now, while_running = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    job.refresh_from_db()
    assert (job.state, Member.objects.count()) == ("done", ROWS)
    assert while_checking < 48 * MEGABYTE
    assert while_running < 48 * MEGABYTE
