"""A space, an operation with its torch module, and a runtime, offered to dna-deploy as entry points."""
