"""The spaces of the catalogue with their usual heads."""

from __future__ import annotations

from dna_deploy.spaces.catalog import find_space

FASHION = find_space("fashion").with_head()
MBCONV = find_space("mbconv").with_head()
