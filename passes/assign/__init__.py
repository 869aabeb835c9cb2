"""Choosing a domain for every node: the problem, an exact solver, an independent check of its answer."""
