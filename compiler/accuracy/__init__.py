"""How far a plan is from the model: measured on data, as a whole and node by node."""
