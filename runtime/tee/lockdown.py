"""Confine the enclave's process."""


def apply() -> dict[str, str]:
    return {}
