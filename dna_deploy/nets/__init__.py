"""Layers, networks, supernets and teachers as torch modules."""
