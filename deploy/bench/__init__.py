"""Measures the performance goals on this machine: `python3 run.py bench [--only 1,5] [--members N] [--events N]`.

Every figure is a ratio to a limit measured in the same run, alternating with it, so that a slow or busy machine does
not change the answer. A row of the goals table is a function in `rows/`, found by registration:

    @measures("2b")
    def fifty_segments(context: Context) -> Row:
        ratio, ours, limit = context.compare(all_at_once, one_by_one)
        return context.row("2b", ratio, f"{ours:.2f} s ÷ {limit:.2f} s", costs={"recompute_database_seconds": …})

It runs in the database `urm_bench` (see dataset.py), as the application role unless it asks for `context.owner()`.
It leaves the data as it found them, or at least not much bigger. `costs` are unit costs for capacity planning; they go
into results.json under `unit_costs`, by the names of `deploy.capacity.costs.Costs`.
"""

from deploy.bench.table import GOALS, BackendClock, Context, Goal, Row, measures

__all__ = ["GOALS", "BackendClock", "Context", "Goal", "Row", "measures"]
