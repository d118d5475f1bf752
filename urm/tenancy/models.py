"""Platform tables (Tenant, User, Role, ApiKey, Wakeup) and the base of every tenant table."""

import secrets
import zoneinfo
from typing import Any, ClassVar, Self, TypeVar, cast

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.expressions import Col
from django.db.models.lookups import Exact
from django.db.models.sql.where import AND, WhereNode
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from urm.tenancy.context import WrongTenantError, current_tenant_id, require_tenant
from urm.tenancy.roles import ROLES, allows

__all__ = [
    "ApiKey",
    "Role",
    "Tenant",
    "TenantForeignKey",
    "TenantModel",
    "TenantOneToOneField",
    "TenantQuerySet",
    "User",
    "Wakeup",
]


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is not a time zone; use a name such as Asia/Shanghai."), params={"name": name}
        )


class Tenant(models.Model):
    """A brand, called workspace in the interface."""

    class Language(models.TextChoices):
        ENGLISH = "en", "English"
        CHINESE = "zh-hans", "简体中文"

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("short name in addresses"), max_length=50, unique=True)
    time_zone = models.CharField(_("time zone"), max_length=50, default="UTC", validators=[validate_time_zone])
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default="USD",
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Use an ISO 4217 code such as CNY."))],
    )
    language = models.CharField(_("language"), max_length=10, choices=Language, default=Language.ENGLISH)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("workspace")
        verbose_name_plural = _("workspaces")

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person of the staff; what they may do stands in their Role per workspace."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    language = models.CharField(_("language"), max_length=10, choices=Tenant.Language, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        verbose_name = _("staff member")
        verbose_name_plural = _("staff")

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_staff(self) -> bool:
        """Whether the person may open the admin of the current workspace (or, outside one, any)."""
        return self.is_active and (current_tenant_id() is None or self.role is not None)

    @property
    def role(self) -> str | None:
        """The role in the current workspace; remembered for the life of this object, which is one request."""
        tenant_id = require_tenant()
        known: dict[int, str | None] = self.__dict__.setdefault("_roles", {})
        if tenant_id not in known:
            known[tenant_id] = (
                Role.objects.filter(user_id=self.pk, tenant_id=tenant_id).values_list("name", flat=True).first()
            )
        return known[tenant_id]

    def may(self, capability: str) -> bool:
        """Whether the role in the current workspace grants `area.verb`, for example `members.change`."""
        return self.is_active and current_tenant_id() is not None and allows(self.role, capability)


class Role(models.Model):
    """What one staff member may do in one workspace."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="roles", verbose_name=_("workspace"))
    user = models.ForeignKey(User, models.CASCADE, related_name="roles", verbose_name=_("staff member"))
    name = models.CharField(_("role"), max_length=20, choices=[(name, role.label) for name, role in ROLES.items()])
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [models.UniqueConstraint(fields=["user", "tenant"], name="role_once_per_workspace")]

    def __str__(self) -> str:
        return f"{self.user} · {self.name}"


class ApiKey(models.Model):
    """A key of the REST API. Only its SHA-256 is stored; the key itself is shown once, at creation."""

    class Kind(models.TextChoices):
        PUBLISHABLE = "pk", _("publishable")
        SECRET = "sk", _("secret")

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="api_keys", verbose_name=_("workspace"))
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=2, choices=Kind)
    prefix = models.CharField(_("begins with"), max_length=12, editable=False)
    hash = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list, blank=True)
    allowed_origins = models.JSONField(_("allowed origins"), default=list, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def new_token(kind: str) -> str:
        return f"{kind}_{secrets.token_urlsafe(32)}"


class Wakeup(models.Model):
    """A note that a workspace has work of some kind to do at some moment: the alarm clock of every task."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    work = models.CharField(max_length=50)
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "work"], name="wakeup_once")]
        indexes = [models.Index(fields=["due_at"], name="wakeup_due")]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.work} {self.due_at:%Y-%m-%d %H:%M:%S}"


M = TypeVar("M", bound="TenantModel")
_ST = TypeVar("_ST")  # what a reference can be set to, and what it gives
_GT = TypeVar("_GT")


class TenantQuerySet(models.QuerySet[M]):
    """Rows of the current workspace."""

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[M]:
        objs = list(objs)
        for row in objs:
            row.check_tenant()
        return super().bulk_create(objs, *args, **kwargs)

    def bulk_update(self, objs: Any, *args: Any, **kwargs: Any) -> int:
        objs = list(objs)
        for row in objs:
            row.check_tenant()
        return super().bulk_update(objs, *args, **kwargs)


class TenantManager(models.Manager[M]):
    """Starts every query with a literal `tenant_id = …`; without a tenant context it raises NoTenantError."""

    _queryset_class = TenantQuerySet

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(tenant_id=require_tenant())


class _InTenant(models.ForeignKey[_ST, _GT]):
    """What references inside one workspace share. The database holds them as (tenant_id, …) → (tenant_id, id).

    Django's index of the column alone would help no statement, since all begin with the tenant: models say in
    `Meta.indexes` which references are followed backwards.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False  # EnforceTenancy adds the composite constraint
        kwargs["db_index"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        kwargs.pop("db_index", None)
        return name, path, args, kwargs

    def get_extra_restriction(self, alias: str | None, related_alias: str | None) -> WhereNode:
        """Every joined table carries the literal tenant too: planners of sharded tables need it on each."""
        tenant_id = require_tenant()
        models_by_alias = [(alias, self.remote_field.model), (related_alias, self.model)]
        where = WhereNode(connector=AND)
        for name, model in models_by_alias:
            if name:
                where.add(
                    Exact(Col(name, cast("models.Field[Any, Any]", model._meta.get_field("tenant"))), tenant_id), AND
                )
        return where


class TenantForeignKey(_InTenant[_ST, _GT]):
    pass


class TenantOneToOneField(_InTenant[_ST, _GT], models.OneToOneField[_ST, _GT]):
    pass


class TenantModel(models.Model):
    """A row that belongs to one workspace. See ARCHITECTURE.md, *Tenancy*.

    Each concrete model needs `EnforceTenancy("Name")` in the migration that creates or extends it, and `tenant` in
    every UniqueConstraint; tests/architecture refuses what lacks them.
    """

    # No foreign key in the database: row-level security already ties every row to the tenant of its transaction,
    # and the check would cost bulk loads one look-up a row.
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        default=require_tenant,
        editable=False,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("workspace"),
    )

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.check_tenant()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self.check_tenant()
        return super().delete(*args, **kwargs)

    def check_tenant(self) -> None:
        if self.tenant_id != require_tenant():
            raise WrongTenantError(
                f"This {self._meta.verbose_name} belongs to tenant {self.tenant_id}, not to the current "
                f"{require_tenant()}."
            )
