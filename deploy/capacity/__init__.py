"""How many processes, how much memory, disk and backup a given number of members, events and messages needs.

`costs` reads what one unit of work costs, as measured by `run.py bench`; `plan` multiplies; `render` writes the table,
the compose override and the PostgreSQL settings. Formulas: docs/operators.md. Standard library only.
"""
