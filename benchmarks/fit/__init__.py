"""Own models within a budget, against what somebody would do without a search."""
