"""Which of our languages a member reads."""

from members.models import Member
from urm.tenancy.models import Tenant


def language_of(member: Member, tenant: Tenant) -> str:
    """The member's own language as far as we speak it, else the workspace's."""
    if member.language:
        return "zh-hans" if member.language.lower().startswith("zh") else "en"
    return tenant.language
