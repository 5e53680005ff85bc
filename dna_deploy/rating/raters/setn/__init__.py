"""SETN: a one-shot supernet, and an evaluator that proposes networks of it."""
