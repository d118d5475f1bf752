"""Token buckets per key and per workspace: one Redis script for both; buckets in the process when Redis is away."""

import threading
import time
from dataclasses import dataclass

import redis
import structlog
from django.conf import settings

from urm.tenancy.models import ApiKey

logger = structlog.get_logger(__name__)

TIMEOUT = 0.05  # seconds a request may lose to Redis
REST = 5.0  # seconds without asking Redis after it failed
REMEMBERED = 10_000  # buckets kept in the process

# KEYS: buckets. ARGV: rate and burst of each. Takes one token from all or from none; answers
# {granted, remaining tokens of the tightest, thousandths of a second until a token is there}.
_SCRIPT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local levels, granted, remaining, wait = {}, 1, math.huge, 0
for i, key in ipairs(KEYS) do
    local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local stored = redis.call('HMGET', key, 'level', 'at')
    local level = tonumber(stored[1]) or burst
    level = math.min(burst, level + math.max(0, now - (tonumber(stored[2]) or now)) * rate)
    levels[i] = level
    if level < 1 then
        granted = 0
        wait = math.max(wait, (1 - level) / rate)
    end
end
for i, key in ipairs(KEYS) do
    local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local level = levels[i] - granted
    redis.call('HSET', key, 'level', tostring(level), 'at', tostring(now))
    redis.call('PEXPIRE', key, math.ceil(burst / rate * 1000) + 1000)
    remaining = math.min(remaining, level)
end
return {granted, math.floor(math.max(0, remaining)), math.ceil(wait * 1000)}
"""


@dataclass(frozen=True)
class Bucket:
    """Filled with `rate` tokens a second up to `burst`; a request takes one."""

    name: str
    rate: float
    burst: float


@dataclass(frozen=True)
class Verdict:
    """`wait`: seconds until the next request may succeed; 0 when this one was granted."""

    granted: bool
    remaining: int
    wait: float


class _RedisBuckets:
    def __init__(self, url: str) -> None:
        client = redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=None)
        self._script = client.register_script(_SCRIPT)

    def take(self, buckets: list[Bucket]) -> Verdict:
        limits = [number for bucket in buckets for number in (bucket.rate, bucket.burst)]
        granted, remaining, wait = self._script(keys=[f"rate:{bucket.name}" for bucket in buckets], args=limits)
        return Verdict(bool(granted), int(remaining), int(wait) / 1000)


class _ProcessBuckets:
    """The same sums in Python; each process then counts for itself, which is the lesser evil while Redis is away."""

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, buckets: list[Bucket]) -> Verdict:
        now = time.monotonic()
        with self._lock:
            if len(self._levels) > REMEMBERED:
                self._levels.clear()
            levels = []
            for bucket in buckets:
                level, at = self._levels.get(bucket.name, (bucket.burst, now))
                levels.append(min(bucket.burst, level + (now - at) * bucket.rate))
            granted = min(levels) >= 1
            for bucket, level in zip(buckets, levels, strict=True):
                self._levels[bucket.name] = (level - granted, now)
        wait = max(
            (max(0.0, 1 - level) / bucket.rate for bucket, level in zip(buckets, levels, strict=True)), default=0
        )
        return Verdict(granted, int(min(levels) - granted), 0.0 if granted else wait)


class Limiter:
    """Asks Redis, within TIMEOUT; after a failure leaves it in peace for REST seconds and counts in the process."""

    def __init__(self, url: str) -> None:
        self._redis = _RedisBuckets(url)
        self._process = _ProcessBuckets()
        self._redis_again_at = 0.0

    def take(self, buckets: list[Bucket]) -> Verdict:
        if time.monotonic() >= self._redis_again_at:
            try:
                return self._redis.take(buckets)
            except (redis.RedisError, OSError) as error:
                self._redis_again_at = time.monotonic() + REST
                logger.warning("rate_limits_without_redis", error=type(error).__name__, seconds=REST)
        return self._process.take(buckets)


_limiter: Limiter | None = None
_making = threading.Lock()


def limiter() -> Limiter:
    global _limiter  # noqa: PLW0603 - one connection pool a process, made after fork
    with _making:
        if _limiter is None:
            _limiter = Limiter(settings.REDIS_URL)
    return _limiter


def buckets_of(key: ApiKey) -> list[Bucket]:
    """The braces put both of a workspace's buckets onto one shard of a Redis cluster."""
    per_key, per_tenant = settings.API_RATE_PER_KEY, settings.API_RATE_PER_WORKSPACE
    return [
        Bucket(f"{{{key.tenant_id}}}:key:{key.pk}", per_key, 2 * per_key),
        Bucket(f"{{{key.tenant_id}}}:all", per_tenant, 2 * per_tenant),
    ]
