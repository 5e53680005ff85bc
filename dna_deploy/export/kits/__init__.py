"""Probe kits."""
