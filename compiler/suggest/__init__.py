"""`ppc suggest`: changes of a model that would help, each tried in memory and measured. None is applied."""
