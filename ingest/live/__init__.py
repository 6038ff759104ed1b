"""One module for each platform that is read live; `ingest/platforms.py` finds them by name."""
