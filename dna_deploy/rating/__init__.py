"""Trains block supernets against a teacher and rates every candidate of every block."""
