"""`ppc calibrate`: the table of prices (`ppc.targets.prices`) measured on this machine."""
