"""The laboratory: models compared, texts seen and labelled. A researcher's; no station's."""
