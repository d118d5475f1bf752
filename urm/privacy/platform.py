"""The platform's own tables: staff, workspaces, and what Django and its apps keep. None of it is a member's."""

from urm.privacy.registry import Table, declare

declare(
    Table("tenancy_tenant", neutral="id name slug time_zone currency language created_at"),
    Table("tenancy_user", neutral="id created_at", staff="email name password language is_active last_login"),
    Table("tenancy_role", neutral="id tenant_id name created_at", staff="user_id"),
    Table(
        "tenancy_apikey",
        neutral="id tenant_id name kind prefix hash scopes allowed_origins created_at expires_at last_used_at "
        "revoked_at",
    ),
    Table("tenancy_wakeup", neutral="id tenant_id work due_at"),
    Table("django_migrations", neutral="id app name applied"),
    Table("django_content_type", neutral="id app_label model"),
    Table("django_session", staff="session_key session_data expire_date"),
    Table("auth_permission", neutral="id name content_type_id codename"),
    Table("auth_group", neutral="id name"),
    Table("auth_group_permissions", neutral="id group_id permission_id"),
    Table(
        "axes_accessattempt",
        neutral="id",
        staff="user_agent ip_address username http_accept path_info attempt_time get_data post_data "
        "failures_since_start",
    ),
    Table("axes_accessattemptexpiration", neutral="access_attempt_id expires_at"),
    Table(
        "axes_accessfailurelog",
        neutral="id",
        staff="user_agent ip_address username http_accept path_info attempt_time locked_out",
    ),
    Table(
        "axes_accesslog",
        neutral="id",
        staff="user_agent ip_address username http_accept path_info attempt_time logout_time session_hash",
    ),
)
