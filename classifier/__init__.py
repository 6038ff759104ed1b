"""The classifier: texts to emotions and polarity with a bag of embeddings."""
