"""The whole journey, stage after stage, with resume."""
