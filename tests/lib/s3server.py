"""A real S3 server on this machine (SeaweedFS, from its wheel): it checks signatures, rights and buckets."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deploy.services.state import free_port

KEY, SECRET = "writer", "secret-of-the-writer"
READER, READER_SECRET = "reader", "secret-of-the-reader"
BUCKET = "lake"
WITHIN = 60.0  # seconds until it answers


@dataclass(frozen=True)
class S3Server:
    port: int

    def address(self, *, key: str = KEY, secret: str = SECRET, bucket: str = BUCKET) -> str:
        """As AUDIENCE_STORES takes it."""
        return f"s3+http://{key}:{secret}@127.0.0.1:{self.port}/{bucket}/audiences?region=us-east-1"

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def objects(self, folder: str = "") -> dict[str, bytes]:
        """Everything under the prefix that stores write to, by the rest of the name."""
        client, begin = self.client(), f"audiences/{folder}"
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=begin)
        names = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return {name.removeprefix(begin): client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in names}


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    rights = folder / "rights.json"
    rights.write_text(
        json.dumps(
            {
                "identities": [
                    _identity("writer", KEY, SECRET, "Admin", "Read", "Write", "List"),
                    _identity("reader", READER, READER_SECRET, "Read", "List"),
                ]
            }
        )
    )
    server = S3Server(free_port())
    ports = {
        f"{part}.port{kind}": free_port() for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")
    }
    options = {
        **ports,
        "s3.port": server.port,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": rights,
        "s3.autoCreateBucket": "false",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 20,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "dir": folder,
    }
    command = [str(Path(sys.executable).parent / "weed"), "server", "-filer", "-s3"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *(f"-{name}={value}" for name, value in options.items())], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait(10)


def _identity(name: str, key: str, secret: str, *actions: str) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}


def _wait_for(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it has made the bucket and taken an object."""
    client, until = server.client(), time.monotonic() + WITHIN
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(BotoCoreError, ClientError):
            if BUCKET not in {one["Name"] for one in client.list_buckets()["Buckets"]}:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"")
            return
        time.sleep(0.2)
    raise AssertionError(f"no S3 server\n{log.read_text()[-2000:]}")
