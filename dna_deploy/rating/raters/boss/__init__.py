"""BossNAS: blocks learn from the mean of their own candidates, one block after the other."""
