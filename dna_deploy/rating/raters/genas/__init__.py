"""GeNAS: a one-shot supernet whose paths are rated by how flat their loss is around their weights."""
