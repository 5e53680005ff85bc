"""What the rooms hand each other: files with a schema version, provenance and a digest."""
