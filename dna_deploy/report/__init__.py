"""The report: what was found, as one HTML page and pictures. Reads records; the plotting library is imported late."""
