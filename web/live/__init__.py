"""What is in the index now, for the page: every number is an aggregation."""
