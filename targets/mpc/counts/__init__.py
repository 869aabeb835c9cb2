"""What MPC gates and operators take. Each function mirrors a gate or protocol of the engine (`ppc.runtime.mpc`), and a
test compares them with what the engine sends.

Bytes are those of the party that sends more. Offline bytes are the dealer's for one pass; masks of weights, which
travel once a session, are not in them.
"""
