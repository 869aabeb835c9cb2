"""The trusted execution engine: an enclave that is a party of its own, attested before any key reaches it.

Here the enclave is simulated: a locked-down process with a software root of trust. It keeps the protocol, the
policy checks and the failure modes of a real one, and none of its protection: whoever is root on the enclave's
machine reads everything. Evidence says so, and a verifier refuses it unless the policy allows a simulation.
"""
