"""New versions of a segment's value proposition. Versions are never changed: messages that were sent refer to them."""

from django.db import transaction

from segments.models import Segment, ValueProposition
from segments.queries.propositions import current_propositions
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant


def save_proposition(
    *, segment: Segment, language: str, wording: str, pain_points: str = "", selling_points: str = ""
) -> ValueProposition | None:
    """Add a version in a language; None where nothing differs from the newest one."""
    with transaction.atomic():
        segment = Segment.objects.select_for_update().get(pk=segment.pk)
        now = current_propositions(segment).get(language)
        texts = {"pain_points": pain_points, "selling_points": selling_points, "wording": wording}
        before = {name: getattr(now, name) if now else "" for name in texts}
        if before == texts:
            return None
        version = ValueProposition.objects.create(
            segment=segment,
            language=language,
            version=(now.version if now else 0) + 1,
            created_by=current_actor().label,
            **texts,
        )
        # Lists and the API show the wording in the workspace's own language.
        if language == Tenant.objects.only("language").get(pk=require_tenant()).language:
            Segment.objects.filter(pk=segment.pk).update(value_proposition=wording)
        after = {"language": language, "version": version.version, **texts}
        record(verb="segment.save_proposition", target=segment, before=before, after=after)
    return version


def save_wording(*, segment: Segment, wording: str) -> None:
    """The wording in the workspace's language alone; pain and selling points stay as they are."""
    language = Tenant.objects.only("language").get(pk=require_tenant()).language
    now = current_propositions(segment).get(language)
    save_proposition(
        segment=segment,
        language=language,
        wording=wording,
        pain_points=now.pain_points if now else "",
        selling_points=now.selling_points if now else "",
    )
