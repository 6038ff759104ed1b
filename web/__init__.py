"""The HTTP edge: the emotion API and the page."""
