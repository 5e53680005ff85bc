"""Ratings judged on networks that others trained: all 32,768 of the space ``nats-size``."""
