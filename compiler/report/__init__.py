"""One report, many faces: the `report` field of plan.json is all that the terminal, HTML and JSON forms read."""
