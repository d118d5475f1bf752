"""Shard the database by workspace with Citus: `python3 -m deploy.citus` prints the statements, `--apply` runs them.

Every table of a workspace is distributed by `tenant_id`, all of them together (colocated), so that whatever one
workspace asks is answered by one node. Of the platform's own tables those that tenant tables refer to, or that are read
together with them, become reference tables, a copy on each node; the others stay on the coordinator: they are small,
and some, such as the wake-ups, change all the time.

Which table is which is read from the database's own catalogue, so a new table needs no line here. The command refuses
when anything breaks the rules that sharding rests on (see `plan.problems`)."""
