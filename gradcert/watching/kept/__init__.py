"""The first wrong step, made smaller, stored as data, read back and judged again."""
