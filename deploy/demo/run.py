"""What the steps share."""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.demo.expected import Expected
from deploy.demo.source import Source, folder
from deploy.demo.workspaces import Workspace
from urm.tenancy.work import drain


@dataclass
class Run:
    """One run of the main job."""

    source: Source
    workspaces: list[Workspace]
    url: str  # of the web server
    mail_url: str  # of the mail sink's pages
    keys: dict[str, dict[str, str]]  # slug → {"sk": …, "pk": …}
    expectations: dict[str, Expected] = field(default_factory=dict)

    def expected(self, workspace: Workspace) -> Expected:
        slug = workspace.tenant.slug
        if slug not in self.expectations:
            self.expectations[slug] = Expected(
                folder(),
                households=workspace.households,
                weeks=self.source.weeks,
                zone=workspace.tenant.time_zone,
            )
        return self.expectations[slug]

    def work_off(self, workspace: Workspace) -> None:
        """Do here and now what the workers would do."""
        drain(workspace.tenant.pk)
