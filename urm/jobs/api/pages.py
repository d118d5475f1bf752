"""The one address of downloads, `/files/<token>`: for whoever asked for the link, as long as they may have the file."""

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import Http404, HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from urm.audit.actor import Actor, acting_as
from urm.jobs.files import chunks_of, downloadable, note_download, unsealed
from urm.tenancy.context import in_tenant, tenant_context
from urm.tenancy.models import ApiKey, Tenant, User
from urm.ui.confirming import ask_to_confirm, is_confirmed


@never_cache
@require_safe
def download(request: HttpRequest, token: str) -> HttpResponseBase:
    """Forged, run out, another's, or no longer allowed: all the same 404."""
    refused = Http404(_("This link does not work, or not any more. Ask for a new one where you found it."))
    found = unsealed(token)
    if found is None:
        raise refused
    tenant_id, file_id, by_staff, asker_id = found
    with tenant_context(tenant_id):
        file = downloadable(file_id)
        if file is None:
            raise refused
        actor = _staff(request, asker_id, file.capability) if by_staff else _key(tenant_id, asker_id, file.capability)
        if actor is None:
            raise refused
        if by_staff and not is_confirmed(request):
            slug = Tenant.objects.get(pk=tenant_id).slug
            return ask_to_confirm(request, then=request.get_full_path(), slug=slug)
        if request.method == "GET":
            with acting_as(actor):
                note_download(file)
        answer = StreamingHttpResponse(in_tenant(tenant_id, chunks_of(file)), content_type=file.content_type)
    answer.headers["Content-Length"] = str(file.size)
    answer.headers["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _staff(request: HttpRequest, user_id: int, capability: str) -> Actor | None:
    user = request.user
    if not isinstance(user, User) or user.pk != user_id or not user.may(capability):
        return None
    return Actor("staff", user.pk, str(user))


def _key(tenant_id: int, key_id: int, capability: str) -> Actor | None:
    key = ApiKey.objects.filter(pk=key_id, tenant_id=tenant_id, revoked_at=None).first()
    over = key is not None and key.expires_at is not None and key.expires_at <= timezone.now()
    if key is None or over or capability not in key.scopes:
        return None
    return Actor("key", key.pk, str(key))
