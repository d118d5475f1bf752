"""All settings; each value that differs between installations comes from the environment (see .env.example)."""

import sys
from pathlib import Path

import structlog

from urm import env

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.boolean("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
PUBLIC_URL = env.text("PUBLIC_URL", "http://localhost:8000").rstrip("/")  # where members and apps reach the server
SECURE = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "urm.ui",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "urm.ui.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "urm.tenancy",
    "urm.privacy",
    "urm.audit",
    "urm.rules",
    "urm.rest",
    "urm.jobs",
    "members",
    "segments",
    "campaigns",
    "feedback",
    "loyalty",
    "analytics",
]

MIDDLEWARE = [
    "urm.rest.metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "urm.rest.cors.PreflightMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "urm.tenancy.middleware.WorkspaceMiddleware",
    "urm.ui.middleware.LanguageMiddleware",
    "urm.audit.middleware.StaffActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "urm.urls"
WSGI_APPLICATION = "urm.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database: `default` is the application role, bound by row-level security; `owner` migrates and makes partitions.
DATABASES = {
    "default": env.database("DATABASE_URL"),
    "owner": env.database("DATABASE_OWNER_URL", env.text("DATABASE_URL")),
}
for _database in DATABASES.values():
    _database["CONN_MAX_AGE"] = env.integer("DATABASE_CONN_MAX_AGE", 60)
    _database["CONN_HEALTH_CHECKS"] = True
    _database["DISABLE_SERVER_SIDE_CURSORS"] = env.boolean("DATABASE_POOLED", default=False)
DATABASES["owner"]["TEST"] = {"NAME": env.text("TEST_DATABASE", "test_urm")}
DATABASE_ROUTERS = ["urm.tenancy.router.OwnerMigrates"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis carries tasks and rate limits only; a short time-out keeps a hanging server from holding requests.
REDIS_URL = env.text("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2, "visibility_timeout": 3600}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "stream"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

# --- Staff
AUTH_USER_MODEL = "tenancy.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "urm.tenancy.authentication.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_VERBOSE = False  # no greeting at each start
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "username"  # axes would look for `email`, find nobody, and lock nobody out
CONFIRMED_MINUTES = env.integer("CONFIRMED_MINUTES", 15)  # so long a password counts for keys, exports and erasure
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
AXES_LOCKOUT_TEMPLATE = "ui/locked.html"

# --- Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]  # each in its own language: readers look for theirs
LANGUAGE_COOKIE_NAME = "language"
LOCALE_PATHS = [BASE_DIR / "urm" / "locale"]  # the kernel's; apps bring their own
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["urm.ui.formats"]

# --- The admin's skin; what depends on the request stands in urm.ui.site
UNFOLD = {
    "SITE_TITLE": "URM",
    "SITE_SYMBOL": "diversity_3",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": None,
}

# --- Files
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "files": env.files(
        "FILES_URL", f"file://{BASE_DIR}/var/files"
    ),  # what staff upload and download; see urm.jobs.files
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Where audiences may be written to, by the name that staff choose; each workspace gets a folder of its own.
AUDIENCE_STORES = env.stores("AUDIENCE_STORES", "")
STORAGES |= {f"audience-{_name}": _store for _name, _store in AUDIENCE_STORES.items()}
WHITENOISE_USE_FINDERS = True  # static files are served from the apps; collectstatic in the image only copies them

# --- E-mail
EMAIL = env.email("EMAIL_URL", "smtp://localhost:25")
EMAIL_HOST, EMAIL_PORT = EMAIL["host"], EMAIL["port"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL["username"], EMAIL["password"]
EMAIL_USE_SSL, EMAIL_USE_TLS = EMAIL["use_ssl"], EMAIL["use_tls"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("FROM_EMAIL", "URM <urm@example.com>")

# --- Browser security
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_AGE = 12 * 3600
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
    }
}

# --- Requests to addresses of customers, and their secrets; see urm.lib.outbound and urm.lib.secrets
OUTBOUND_ALLOW = env.words("OUTBOUND_ALLOW", "")  # host:port pairs that may lie in a private network
SECRETS_KEYS = env.words("SECRETS_KEYS", "")

# --- REST API
# Requests a second, refilled steadily; twice as many may come at once.
API_RATE_PER_KEY = env.integer("API_RATE_PER_KEY", 200)
API_RATE_PER_WORKSPACE = env.integer("API_RATE_PER_WORKSPACE", 500)
METRICS_TOKEN = env.text("METRICS_TOKEN", "")  # empty: /metrics is open, and a proxy should keep it inside
REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_SCHEMA_CLASS": "urm.rest.schema.ApiSchema",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "iso-8601",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS: dict[str, object] = {
    "TITLE": "URM API",
    "VERSION": "1",
    "DESCRIPTION": "Events in, members, segments and figures out. Errors have one shape; lists are keyset pages.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PREPROCESSING_HOOKS": ["urm.rest.openapi.only_api"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "urm.rest.openapi.complete"],
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# --- Logs: one JSON object a line outside a terminal
_shared_processors: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared_processors,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
}
