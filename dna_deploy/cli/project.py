"""What a project's ``dna-deploy.toml`` says to every command: flag, then environment, then file, then built-in default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from dna_deploy.errors import UsageError
from dna_deploy.texts import decode_text

SETTINGS_FILE = Path("dna-deploy.toml")
SHARED = ("space", "dataset", "method", "target", "quantile", "seed")
"""Top-level keys of the settings file that are flags of single commands, too."""


def project_defaults(
    commands: Mapping[str, frozenset[str]], path: Path = SETTINGS_FILE, environment: Mapping[str, str] = os.environ
) -> dict[str, dict[str, object]]:
    """For every command, the defaults of its flags that ``DNA_DEPLOY_<KEY>`` or the settings file in this folder set.

    Args:
        commands: the flags that each command has.
        path: the settings file; none is fine.
        environment: stands above the file.
    """
    values = _settings(path)
    values |= {key: environment[name] for key in SHARED if (name := f"DNA_DEPLOY_{key.upper()}") in environment}
    shared = {key: values[key] for key in SHARED if key in values}
    return {name: {key: value for key, value in shared.items() if key in flags} for name, flags in commands.items()}


def _settings(path: Path) -> dict[str, object]:
    """What a settings file says; none says nothing."""
    if not path.exists():
        return {}
    try:
        return tomllib.loads(decode_text(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}", "mend it, or move it out of this folder") from error
