"""`run.py secrets`: the files that docker-compose.yml hands to its containers, one value each. Made once, kept."""

from __future__ import annotations

from pathlib import Path
from secrets import token_urlsafe

from deploy.paths import ROOT, say

FOLDER = ROOT / "deploy/secrets"


def write_secrets(folder: Path = FOLDER) -> list[str]:
    """Write what is missing and return the names. A value that is there is never changed: a server may know it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    written: list[str] = []

    def keep(name: str, value: str) -> str:
        file = folder / name
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(f"{value}\n")
            # The container's account reads it through a mount of its own; the folder keeps everyone else out.
            file.chmod(0o444)
            written.append(name)
        return file.read_text().strip()

    keep("secret_key", token_urlsafe(48))
    keep("metrics_token", token_urlsafe(24))
    keep("postgres_password", token_urlsafe(24))
    owner = keep("owner_password", token_urlsafe(24))
    app = keep("app_password", token_urlsafe(24))
    valkey = keep("valkey_password", token_urlsafe(24))
    keep("database_url", f"postgres://urm_app:{app}@postgres:5432/urm")
    keep("database_owner_url", f"postgres://urm_owner:{owner}@postgres:5432/urm")
    keep("redis_url", f"redis://:{valkey}@valkey:6379/0")
    keep("email_url", "smtp://mail:1025")
    return written


def secrets_command() -> int:
    written = write_secrets()
    say(f"{FOLDER}: wrote {', '.join(written)}" if written else f"{FOLDER}: everything is there, nothing changed")
    if "email_url" in written:
        say(
            "email_url is the mail catcher of the profile `trial`; write your own: smtp+starttls://USER:PASSWORD@HOST:587"
        )
    return 0
