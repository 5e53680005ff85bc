"""The base install with the oldest packages that ``pyproject.toml`` allows: measures every layer of a space, and verifies.

    python .ci/minima.py .venv/bin/dna-deploy

The command that is given makes what a device is sent, a kit and a model; all else is done by the oldest packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NETWORK = "24:k3e1/40:k5e3,p1/80:k3e3"
TESTS = (
    *("tests/records/test_files.py", "tests/search", "tests/spaces", "tests/targets", "tests/latency/test_table.py"),
    "--ignore=tests/search/test_spread.py",  # the only one of these that needs torch
)


def minima() -> list[str]:
    """Every package of the base install in its oldest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [requirement.replace(">=", "==") for requirement in project["dependencies"]]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """What a command prints; ends with what it said if it fails, or lets a library warn."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    print(done.stderr, end="", file=sys.stderr)
    if done.returncode:
        sys.exit(f"{done.stdout}\nfailed with code {done.returncode}: {' '.join(map(str, command))}")
    if "Warning: " in done.stderr:
        sys.exit(f"a library warns in: {' '.join(map(str, command))}")
    return done.stdout


def main(newest: Path) -> None:
    """Everything in a folder that vanishes."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        venv.create(work / "oldest", with_pip=True)
        python, tool = work / "oldest/bin/python", work / "oldest/bin/dna-deploy"
        run(python, "-m", "pip", "install", "--quiet", *minima(), "pytest", "hypothesis", ROOT)
        kit, model = work / "fashion.kit", work / "model"
        run(newest, "kit", "--space", "fashion", "-o", kit)
        run(newest, "export", NETWORK, "--space", "fashion", "--out", model)
        profile = json.loads(run(tool, "profile", kit, "--rounds", "6", "--accept-noise", "--json", cwd=work))
        if profile["absent"] or not profile["rows"]:
            sys.exit(f"layers that cannot be timed: {profile['absent']}")
        verified = json.loads(run(tool, "verify", model / "model.onnx", "--accept-noise", "--json", cwd=work))
        print(f"{profile['rows']} layers and a network ({verified['p50_s'] * 1e6:.0f} us) timed by {' '.join(minima())}")
        print(run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
