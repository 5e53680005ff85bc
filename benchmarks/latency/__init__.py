"""How far latencies can be trusted: tables against other ways to build them, promises kept, timings of others."""
