"""Who a member is: profile, identities, attribute registry."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Value
from django.db.models.functions import Cast, Concat, Lower
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from urm.tenancy.models import TenantForeignKey, TenantModel


class ValueSource(models.TextChoices):
    """Who may have written the value of an attribute."""

    STAFF = "staff", _("staff, on a member's page")
    API = "api", _("API, by a server")
    IMPORT = "import", _("import of a file")
    IDENTIFY = "identify", _("identify call of a server")
    SNIPPET = "snippet", _("website or app, by a publishable key")


class AttributeDefinition(TenantModel):
    """A typed custom attribute; its values stand in `Member.attributes` under `name`.

    `source_order` lists sources, the one to be believed first; a value is not overwritten by a source that comes later
    in it, and sources that are not in it come last, all alike. Empty: whoever writes last. Only for attributes with an
    order it is noted who wrote a value, in `Member.attribute_sources`.
    """

    class Type(models.TextChoices):
        TEXT = "text", _("text")
        NUMBER = "number", _("number")
        BOOLEAN = "boolean", _("yes or no")
        DATE = "date", _("date")
        DATETIME = "datetime", _("date and time")
        CHOICE = "choice", _("choice")
        LIST = "list", _("list")

    name = models.SlugField(_("name"), max_length=60)
    type = models.CharField(_("type"), max_length=10, choices=Type)
    label_en = models.CharField(_("label (English)"), max_length=100)
    label_zh = models.CharField(_("label (Chinese)"), max_length=100, blank=True)
    choices = models.JSONField(_("choices"), default=list, blank=True)
    personal = models.BooleanField(_("personal data"), default=False)
    source_order = models.JSONField(
        _("order of sources"), default=list, db_default=Value([], models.JSONField()), blank=True
    )

    class Meta:
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="attribute_name_once")]

    def __str__(self) -> str:
        return (self.label_zh if (get_language() or "").startswith("zh") else "") or self.label_en or self.name

    def rank(self, source: str | None) -> int:
        """The lower, the more it is believed. None: nobody knows who wrote it."""
        return self.source_order.index(source) if source in self.source_order else len(self.source_order)

    def outranks(self, one: str | None, other: str | None) -> bool:
        return self.rank(one) < self.rank(other)


def _search_text(*words: str) -> Lower:
    """Lower-case words, a blank before each: a word's first two characters (a Chinese name) then make a trigram."""
    return Lower(
        Concat(
            *(
                part
                for word in words
                for part in (Value(" "), *(Cast(name, models.TextField()) for name in word.split("+")))
            ),
            output_field=models.TextField(),
        )
    )


class Member(TenantModel):
    """One consumer. `external_id` is the id shown and asked for; all ids, it included, are Identity rows."""

    class Gender(models.TextChoices):
        FEMALE = "female", _("female")
        MALE = "male", _("male")
        OTHER = "other", _("other")

    external_id = models.CharField(_("external id"), max_length=200, null=True, blank=True)
    email = models.EmailField(_("e-mail"), null=True, blank=True)
    phone = models.CharField(_("phone"), max_length=20, null=True, blank=True)
    first_name = models.CharField(_("first name"), max_length=100, null=True, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, null=True, blank=True)
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    gender = models.CharField(_("gender"), max_length=10, choices=Gender, null=True, blank=True)
    language = models.CharField(_("language"), max_length=10, null=True, blank=True)
    city = models.CharField(_("city"), max_length=100, null=True, blank=True)
    region = models.CharField(_("region"), max_length=100, null=True, blank=True)
    country = models.CharField(_("country"), max_length=100, null=True, blank=True)
    source = models.CharField(_("acquisition source"), max_length=100, null=True, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    attribute_sources = models.JSONField(null=True, editable=False)
    first_seen_at = models.DateTimeField(_("first seen at"), default=timezone.now)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    merged_into = TenantForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="merged",
        verbose_name=_("merged into"),
    )
    erasure_requested_at = models.DateTimeField(_("erasure requested at"), null=True, editable=False)
    erased_at = models.DateTimeField(_("erased at"), null=True, editable=False)

    search_text = models.GeneratedField(
        expression=_search_text("last_name+first_name", "first_name", "last_name", "email", "external_id", "phone"),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [models.UniqueConstraint(fields=["tenant", "external_id"], name="member_external_id_once")]
        indexes = [
            models.Index(fields=["tenant", "email"], name="member_email"),
            models.Index(
                fields=["tenant", "merged_into", "id"],
                name="member_merged",
                condition=models.Q(merged_into__isnull=False),
            ),
            models.Index(
                fields=["tenant", "birthday"], name="member_birthday", condition=models.Q(birthday__isnull=False)
            ),
            models.Index(
                fields=["tenant", "erasure_requested_at"],
                name="member_to_erase",
                condition=models.Q(erasure_requested_at__isnull=False, erased_at__isnull=True),
            ),
            models.Index(fields=["tenant", "-created_at", "-id"], name="member_newest"),
            models.Index(fields=["tenant", "phone"], name="member_phone"),
            GinIndex(fields=["tenant", "search_text"], opclasses=["int8_ops", "gin_trgm_ops"], name="member_search"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.external_id or f"#{self.pk}"

    @property
    def full_name(self) -> str:
        """Family name first where the language writes it so."""
        parts = [self.first_name, self.last_name]
        if (self.language or "").startswith("zh"):
            return "".join(part for part in reversed(parts) if part)
        return " ".join(part for part in parts if part)


class Identity(TenantModel):
    """An id by which some source knows a member; unique per workspace and kind, normalised.

    Those `from_profile` follow the member's e-mail and phone; an address that two members have is the identity of one.
    `logged_as` is the member who brought the id into a merge: the log goes on writing that member's number.
    """

    class Kind(models.TextChoices):
        EXTERNAL_ID = "external_id", _("external id")
        ANONYMOUS_ID = "anonymous_id", _("anonymous id")
        EMAIL = "email", _("e-mail")
        PHONE = "phone", _("phone")
        WECHAT_OPENID = "wechat_openid", _("WeChat openid")
        WECHAT_UNIONID = "wechat_unionid", _("WeChat unionid")
        WEIBO_UID = "weibo_uid", _("Weibo uid")
        DEVICE = "device", _("device")
        COOKIE = "cookie", _("cookie")
        CARD_NUMBER = "card_number", _("card number")

    member = TenantForeignKey(Member, models.CASCADE, related_name="identities", verbose_name=_("member"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    value = models.CharField(_("value"), max_length=200)
    from_profile = models.BooleanField(default=False, db_default=False, editable=False)
    logged_as = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "value"], name="identity_once")]
        indexes = [models.Index(fields=["tenant", "member"], name="identity_by_member")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"
