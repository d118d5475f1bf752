"""What rules put on the home page when they need a hand."""

from django.urls import reverse
from django.utils.translation import ngettext

from segments.queries.checks import newest_check
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.attention import Concern, concern


@concern("segments.view")
def drifted(request: WorkspaceRequest) -> Concern | None:
    """Must never show. What had drifted is computed again at once, but whoever runs the platform should know."""
    check = newest_check()
    if check is None or not check.drifted:
        return None
    text = ngettext(
        "sampled member was in other segments than the rules say (mended; please report it)",
        "sampled members were in other segments than their rules say (mended; please report it)",
        check.drifted,
    )
    return Concern(text, check.drifted, reverse("admin:segments_segment_changelist"))
