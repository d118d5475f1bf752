"""The lock file as plain pip requirements with hashes, so that a machine without uv installs the very same packages.

One file per layer, each complete in its dependencies together with `base`; installed with `--no-deps`, because the
lock already resolved them (and the demo's data package names dependencies that it does not need).
`python3 run.py lock` writes them anew from uv.lock; a test compares the two.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from deploy.paths import ROOT

FOLDER = Path(__file__).parent
_BASE = ["--extra", "s3", "--extra", "parquet"]
EXPORTS: dict[str, list[str]] = {
    "base": ["--no-dev", *_BASE],
    "services": ["--no-dev", *_BASE, "--extra", "services"],
    "demo": ["--no-dev", *_BASE, "--extra", "demo"],
    "dev": _BASE,
}
LAYERS = tuple(EXPORTS)


def requirements_file(layer: str) -> Path:
    return FOLDER / f"{layer}.txt"


def fingerprint(layer: str) -> str:
    return hashlib.sha256(requirements_file(layer).read_bytes()).hexdigest()


def export_lock() -> None:
    """Write every layer from uv.lock; a layer above `base` holds only what it adds."""
    base: set[str] = set()
    for layer, options in EXPORTS.items():
        command = ["uv", "export", "--quiet", "--locked", "--no-emit-project", "--no-header", "--no-annotate", *options]
        exported = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        blocks = split_blocks(exported)
        if layer == "base":
            base = set(blocks)
        else:
            blocks = [block for block in blocks if block not in base]
        requirements_file(layer).write_text("".join(f"{block}\n" for block in blocks))


def split_blocks(text: str) -> list[str]:
    """A requirement with its indented hash lines is one block."""
    blocks: list[str] = []
    for line in text.splitlines():
        if line.startswith((" ", "\t")):
            blocks[-1] += f"\n{line}"
        elif line and not line.startswith("#"):
            blocks.append(line)
    return blocks
