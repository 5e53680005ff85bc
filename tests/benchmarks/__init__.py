"""Benchmarks are programs, but what they conclude is checked."""
