"""dna-deploy: the most accurate network that runs within a latency budget on a device."""

__version__ = "0.1.0"
