"""One-shot: one supernet of the whole space, trained with labels."""
