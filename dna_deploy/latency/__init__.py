"""Measures layers and networks on a device, and makes latency tables from what was measured. Never imports torch."""
