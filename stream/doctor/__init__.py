"""What is wrong with the system, in plain words, with the mend."""
