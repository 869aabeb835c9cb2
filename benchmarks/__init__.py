"""Measurements that take minutes; each module has a command line of its own."""
