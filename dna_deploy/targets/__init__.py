"""What a latency is true for: how to measure (`Target`) and the machine as found (`Fingerprint`)."""
