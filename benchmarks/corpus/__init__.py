"""Real models under several policies, run securely: the table of `make bench-corpus`."""
