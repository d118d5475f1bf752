"""The figures computed a second time, straight from the parquet files in SQL of their own.

Nothing here imports the platform or the code that feeds it: only `source.folder()`, where the files lie. `Expected`
sees the households of one workspace, the times moved by the same number of weeks, and whatever the demo itself added
(`add_purchases`).
"""

from deploy.demo.expected.base import Expected

__all__ = ["Expected"]
