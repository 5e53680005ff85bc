"""The spaces of the catalogue with their usual heads."""

from __future__ import annotations

from dna_deploy.spaces.catalog import find_chain

FASHION = find_chain("fashion").with_head()
MBCONV = find_chain("mbconv").with_head()
