"""Supernets: networks that hold every candidate."""

from typing import Literal, TypeAlias

Edges: TypeAlias = Literal["adaptors", "teacher"]
"""How channels of teacher and student are made to fit: by shared 1x1 convolutions, or by the teacher's widths."""
