"""The price of trust: the same model optimised again with each trust statement of its policy dropped or added."""
