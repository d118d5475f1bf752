"""The pages of jobs: their list, exports."""

from urm.jobs.admin import audit, exports, jobs

__all__ = ["audit", "exports", "jobs"]
