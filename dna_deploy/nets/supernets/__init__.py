"""Supernets: networks that hold every candidate."""
