"""Background work on rules; see urm.tenancy.work for how it is started."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from segments.actions import compute_scores, has_stale_rules, recompute_segments, scores_are_due
from segments.actions.background import KIND, forget, is_large, recompute_slice, start_recompute
from segments.actions.checking import keep_night
from segments.actions.delivering import sync_audiences
from urm.jobs.kinds import register_job
from urm.tenancy.work import register_work


@register_work("segments", queue="slow")
def compute_stale_rules() -> bool:
    """Compute new and edited rules for all members: at once in a small workspace, in a large one as a job."""
    if not has_stale_rules():
        return False
    if is_large():
        start_recompute()
        return False
    recompute_segments()
    return has_stale_rules()


register_job(
    KIND,
    label=_("Computing new rules"),
    view="segments.view",
    change="segments.change",
    url=lambda job: reverse("admin:segments_segment_changelist"),
    on_end=forget,
)(recompute_slice)


@register_work("segments.night", queue="slow")
def night() -> bool:
    return keep_night()


@register_work("scores", queue="slow")
def scores() -> bool:
    """Each night, and when asked for."""
    if scores_are_due():
        compute_scores()
    return False


@register_work("audiences", queue="send")
def keep_audiences() -> bool:
    """Send one batch of what segments changed to where they are kept current."""
    return sync_audiences()
