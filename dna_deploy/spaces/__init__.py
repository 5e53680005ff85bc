"""What may be chosen: operations, layers, blocks, spaces and architectures. Pure data, no torch."""
