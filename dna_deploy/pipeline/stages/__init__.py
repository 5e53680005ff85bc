"""The stages of a journey, a class each: `run`, `evolve` and the single commands use the same ones."""
