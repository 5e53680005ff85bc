"""Programs that measure what is claimed; `README.md` lists them."""
