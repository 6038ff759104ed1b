"""Whether every record is where it must be, asked of a live line."""
