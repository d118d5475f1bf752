"""What the platform knows of people, column by column, and how it forgets. Knows no app; apps declare theirs.

An app says in its `privacy.py` what each of its tables holds::

    declare(
        Table(
            "feedback_answer",
            title=_("Your answers"),                    # in the export; left out for what only machines read
            rows="response_id IN (SELECT …)",           # whose rows are whose; `person` where it is a column
            personal="text",                            # says something of who somebody is
            pseudonymous="id response_id",              # leads to a person only through the member's row
            neutral="tenant_id question_id number",
            erase=BLANK,
        )
    )

Every column of every table stands in exactly one of `personal`, `pseudonymous`, `neutral` and `staff` (staff's own
data, which no member's erasure touches); tests/privacy compares that with the database's catalogue. A table with a
personal column says what erasure does to it:

`BLANK`    personal columns become NULL, '' or '{}'; `blank` gives other SQL for a column
`DROP`     the person's rows go
`Forget`   a function does it: where rows mention people without naming whose they are, or are append-only

Whoever is erased, exported or looked for is a `Person`: all member ids that were merged into one, and the values by
which texts can mention them.
"""

from urm.privacy.registry import BLANK, DROP, Forget, Person, Table, declare, declared_tables, forget_person

__all__ = ["BLANK", "DROP", "Forget", "Person", "Table", "declare", "declared_tables", "forget_person"]
