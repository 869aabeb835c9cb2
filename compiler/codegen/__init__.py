"""LOWERED module -> the files of a plan."""
