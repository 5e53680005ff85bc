"""Tiny inputs by kind, made when a test asks: folders, shards, pictures. What they hold follows from their arguments."""
