"""Dead letters by cause, and back to where they came from once mended."""
