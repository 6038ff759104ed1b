"""What the stations share: records, topics, the broker, the loop, settings and logs."""
