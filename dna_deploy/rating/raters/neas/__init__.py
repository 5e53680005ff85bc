"""NEAS: networks that begin alike and end in several branches, whose answers are averaged."""
