"""Seconds of computation for MPC primitives: a default table, measured with 10,000 elements on one core of a cloud
machine (2.x GHz, numpy and torch on one thread). `ppc calibrate` replaces it for another machine.
"""

#: Seconds an element (or a multiply-accumulate) at the slower party, online.
TIMES: dict[str, float] = {
    "call": 30e-6,  # a step, whatever its size
    "round": 20e-6,  # framing and waking up, beside the network's own delay
    "element": 4e-9,  # a local operation
    "compare": 60e-9,  # one opening and its digits
    "sign": 130e-9,  # each sign that is found with them
    "product": 12e-9,  # opening of a product of secrets, an operand
    "mac": 0.3e-9,  # a multiply-accumulate of a matrix product mod 2^64
    "truncate": 25e-9,
    "table": 90e-9,
    "select": 60e-9,  # a candidate of a maximum
}
