"""Files that one stage leaves for later ones and for people: whole or not at all, and named by their bytes."""

from __future__ import annotations

from pathlib import Path

from dna_deploy.records.files import digest_of, read_bytes, write_atomically


def publish(file: Path, place: Path) -> None:
    """Copies a finished file to where later stages and people look for it."""
    write_atomically(place, read_bytes(file, "result of this stage"))


def published_digest(path: Path) -> str:
    """Names the bytes of a file that an earlier stage wrote."""
    return digest_of(read_bytes(path, "result of an earlier stage"))
