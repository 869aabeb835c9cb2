"""What each representation needs to be opaque: which parties must exist, and how far each must be trusted."""

from collections.abc import Iterable

from ppc.ir.module import Module
from ppc.ir.policy.ast import AllowSimulatedTee, AssumeTee, Line
from ppc.ir.policy.bind import ResolvedPolicy
from ppc.runtime.places import OUTSOURCED, OWNERS
from ppc.runtime.schema import StepSpec

#: Parties whose honesty a representation rests on.
RESTS_ON = {"he": ("client", "server"), "mpc": ("client", "server", "dealer")}

_ALONE = "colludes with neither the holder of the other share nor the dealer"

#: What is assumed of a party that a representation rests on, and the trust that the policy must state (None: semi-
#: honest is what every protocol here assumes, so it may stay unsaid and is reported as assumed).
ASSUMED = {
    ("he", "client"): ("the client decrypts only what the plan sends it", None),
    ("he", "server"): ("the server follows the plan (the input stays hidden from it either way)", None),
    ("mpc", "client"): ("the client follows the plan and does not collude with the server", None),
    ("mpc", "server"): ("the server follows the plan and does not collude with the client", None),
    **{("mpc", party): (f"{party} follows the plan and {_ALONE}", "non_colluding") for party in OUTSOURCED},
    ("mpc", "dealer"): ("the dealer makes good randomness and colludes with neither party", "non_colluding"),
}


#: The same of the owners of secrets where two other parties hold the shares.
ASSUMED_OUTSOURCED = {
    ("mpc", "client"): ("the client follows the plan", None),
    ("mpc", "server"): ("the server follows the plan", None),
}


def rests_on(domain: str, policy: ResolvedPolicy) -> tuple[str, ...]:
    """Parties whose honesty a representation rests on under this policy."""
    outsourced = domain == "mpc" and policy.share_holders == OUTSOURCED
    return (*RESTS_ON.get(domain, ()), *(OUTSOURCED if outsourced else ()))


def assumed(domain: str, party: str, policy: ResolvedPolicy) -> tuple[str, str | None]:
    """What a representation assumes of a party, and the trust that the policy must state."""
    rows = ASSUMED | ASSUMED_OUTSOURCED if policy.share_holders == OUTSOURCED else ASSUMED
    return rows[domain, party]


def missing_trust(domain: str, policy: ResolvedPolicy, module: Module) -> list[str]:
    """What is wrong with using `domain` at all under this policy; sentences, empty where nothing is."""
    if domain == "tee":
        return _enclave_problems(policy, module)
    problems = []
    for party in rests_on(domain, policy):
        _, level = assumed(domain, party, policy)
        if party not in policy.roles:
            problems.append(f"{domain} needs a {party}, and the deployment has none")
        if (line := policy.distrust(party)) is not None:
            problems.append(
                f"{domain} holds against semi-honest parties; the policy calls the {party} malicious ({line})"
            )
        if level is not None and policy.trust(party, level) is None:
            problems.append(f"{domain} needs `trust {party} {level}`, which the policy does not say")
    return problems


def shares_of_others(spec: StepSpec, policy: ResolvedPolicy) -> str | None:
    """Why a conversion is impossible: between HE or the enclave and shares, client and server have to hold these."""
    if {spec.reads, spec.writes} not in ({"he", "mpc"}, {"tee", "mpc"}) or policy.share_holders == OWNERS:
        return None
    return f"{spec.name} is for shares that client and server hold; here {' and '.join(policy.share_holders)} do"


def _enclave_problems(policy: ResolvedPolicy, module: Module) -> list[str]:
    hardware, simulated = policy.policy.all(AssumeTee), policy.policy.all(AllowSimulatedTee)
    if not hardware and not simulated:
        return ["the policy trusts no enclave"]
    if module.attrs.get("tee") == "simulated" and not simulated:
        return ["the plan uses a simulated enclave, and the policy has no `allow simulated tee`"]
    line = policy.distrust("enclave")
    return [f"the policy calls the enclave malicious ({line})"] if line is not None else []


def assumptions(used: Iterable[str], policy: ResolvedPolicy, dealt: bool = True) -> list[tuple[str, str, str]]:
    """What the domains in use rest on: (sentence, policy line or "assumed", domain). `dealt`: some step needs the
    dealer's randomness; shares that only carry a value from one representation to another need none."""
    found = []
    for domain in sorted(used):
        for party in rests_on(domain, policy):
            if party == "dealer" and not dealt:
                continue
            sentence, level = assumed(domain, party, policy)
            found.append((sentence, _where(policy.trust(party, level or "semi_honest")), domain))
        if domain == "he":
            found.append(
                ("CKKS is hard to break at the chosen parameters (ring learning with errors)", "assumed", "he")
            )
        if domain == "tee":
            found += [(_enclave_trust(s), _where(s.at), "tee") for s in _enclaves(policy)]
    return found


def _enclaves(policy: ResolvedPolicy) -> tuple[AssumeTee | AllowSimulatedTee, ...]:
    return (*policy.policy.all(AssumeTee), *policy.policy.all(AllowSimulatedTee))


def _enclave_trust(s: AssumeTee | AllowSimulatedTee) -> str:
    if isinstance(s, AssumeTee):
        return f"{s.hardware} hardware, its maker, and the code measured {s.measured} keep what the enclave sees"
    return "the enclave is SIMULATED: whoever runs it sees everything in it"


def _where(line: Line | None) -> str:
    return str(line) if line is not None else "assumed"
