"""What rules put on the home page when they need a hand."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from segments.queries.checks import newest_check
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.attention import Concern, concern


@concern("segments.view")
def drifted(request: WorkspaceRequest) -> Concern | None:
    """Must never show. What had drifted is computed again at once, but whoever runs the platform should know."""
    check = newest_check()
    if check is None or not check.drifted:
        return None
    text = _("sampled members were in other segments than their rules say (mended; please report it)")
    return Concern(text, check.drifted, reverse("admin:segments_segment_changelist"))
