"""DNA++: blocks learn without a teacher and without labels."""
