"""The last station: posts.classified to Elasticsearch, and the read side of the index."""
