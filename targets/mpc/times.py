"""Seconds of computation for MPC primitives: a default table, measured between two processes with 10,000 elements (and,
for `round`, with 84) on a shared cloud machine, numpy and torch on one thread each. `ppc calibrate` measures another.
"""

#: Seconds an element, a sign, a multiply-accumulate or a round, online, at the slower party.
TIMES: dict[str, float] = {
    "call": 50e-6,  # a step, whatever its size
    "round": 150e-6,  # framing, waking up and small-array overhead, beside the network's own delay
    "element": 4e-9,  # a local operation
    "compare": 80e-9,  # one opening and its digits
    "sign": 150e-9,  # each sign that is found with them
    "product": 12e-9,  # an operand of a product of secrets
    "mac": 0.3e-9,  # a multiply-accumulate of a matrix product mod 2^64
    "truncate": 25e-9,
    "table": 100e-9,
    "select": 60e-9,  # a candidate of a maximum
}
