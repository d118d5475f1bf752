"""The pip requirements say what the lock says: `python3 run.py lock` after a change of dependencies."""

from __future__ import annotations

import re
import tomllib

from deploy.paths import ROOT
from deploy.requirements import LAYERS, requirements_file, split_blocks

# Overridden in pyproject.toml: the data package names them, nothing here uses them.
LEFT_OUT = {"pandas", "pyarrow"}


def exported(layer: str) -> dict[tuple[str, str], set[str]]:
    """(name, version) → the accepted hashes."""
    found: dict[tuple[str, str], set[str]] = {}
    for block in split_blocks(requirements_file(layer).read_text()):
        named = re.match(r"([a-z0-9._-]+)(?:\[.*?\])?==([^\s;]+)", block)
        assert named, block
        found.setdefault((named[1], named[2]), set()).update(re.findall(r"--hash=(sha256:[0-9a-f]{64})", block))
    return found


def locked() -> dict[tuple[str, str], set[str]]:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    packages = [one for one in lock["package"] if one["name"] not in {"urm", *LEFT_OUT}]
    return {
        (one["name"], one["version"]): {
            file["hash"] for file in [*one.get("wheels", []), *([one["sdist"]] if "sdist" in one else [])]
        }
        for one in packages
    }


def test_layers_together_are_exactly_the_lock() -> None:
    together: dict[tuple[str, str], set[str]] = {}
    for layer in LAYERS:
        for package, hashes in exported(layer).items():
            together.setdefault(package, set()).update(hashes)
    assert together == locked()


def test_every_direct_dependency_stands_in_its_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    named = {
        "base": [*project["project"]["dependencies"], *extras.pop("s3"), *extras.pop("parquet")],  # the image has both
        **extras,
        "dev": project["dependency-groups"]["dev"],
    }
    assert set(named) == set(LAYERS)
    for layer, dependencies in named.items():
        names = {re.split(r"[\[<>=!~ ;]", one, maxsplit=1)[0].lower() for one in dependencies}
        present = {name for part in {"base", layer} for name, _ in exported(part)}
        assert names - present == set(), layer
