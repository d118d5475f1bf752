from urm.tenancy.models import Tenant
from urm.ui.actions import create_key


def build(tenant: Tenant) -> None:
    create_key(name="Web shop", kind="pk", allowed_origins=["https://shop.example.com"])
    create_key(name="Warehouse", kind="sk", scopes=["members.view", "events.write"])
