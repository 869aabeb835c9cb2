"""Errors of running parties. Codes 6xxx; `ppc explain` prints the table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuntimeCode:
    code: str
    title: str
    explanation: str
    fix: str


CODES: list[RuntimeCode] = [
    RuntimeCode(
        "PPC6001",
        "a party is gone",
        "A peer closed its connection, or died, before the protocol step that needed it was over. Nothing was "
        "revealed beyond what the plan reveals up to that step.",
        "Start all parties again; the client's input is still in its own file.",
    ),
    RuntimeCode(
        "PPC6002",
        "a party does not answer",
        "A peer is connected but sent nothing within the time limit of the step.",
        "Raise --timeout for a slow network, or look at the log of the peer.",
    ),
    RuntimeCode(
        "PPC6003",
        "a message does not fit the plan",
        "A frame has another plan hash, step, shape, type or length than the plan says; it was refused before any "
        "memory was allocated for it.",
        "Give every party the same plan.py and plan.json; run `ppc verify plan.py`.",
    ),
    RuntimeCode(
        "PPC6004",
        "the port is taken",
        "A party could not listen on the address it was given.",
        "Choose another port, or end the program that holds it.",
    ),
    RuntimeCode(
        "PPC6005",
        "the data does not fit the plan",
        "An input array is missing, has another shape or type than the model's input, or holds NaN or infinity.",
        "Give an .npz whose arrays are named after the model's inputs, first axis = samples.",
    ),
    RuntimeCode(
        "PPC6006",
        "a plan file is damaged, missing or of another version",
        "plan.py, plan.json and plan.server.npz belong together by hash, and one of them does not fit.",
        "Compile again, or copy the files again; `ppc verify plan.py` tells which one differs.",
    ),
    RuntimeCode(
        "PPC6007",
        "an engine is missing",
        "The plan uses an engine whose library is not installed here.",
        "`ppc doctor` prints the line that installs it.",
    ),
    RuntimeCode(
        "PPC6008",
        "attestation failed",
        "The enclave's evidence does not show the measurement, the key or the freshness that the plan demands. "
        "No key was released.",
        "Compare the measurement in plan.json with the one printed by the enclave; they must be equal.",
    ),
    RuntimeCode(
        "PPC6009",
        "correlated randomness is used up or was used before",
        "Each piece of dealer material is used once. What is left does not suffice for this run, or a counter shows "
        "that it was used.",
        "Let the dealer make more (`--runs`), and never restore old material from a backup.",
    ),
    RuntimeCode(
        "PPC6010",
        "a value left the range it was calibrated for",
        "A decrypted or revealed value lies outside the range on which its approximation is valid; the result would be "
        "wrong without a word.",
        "Calibrate on data that covers this input (`ppc compile --calibrate`).",
    ),
    RuntimeCode(
        "PPC6011",
        "a key file cannot be used",
        "A key or certificate is missing, unreadable, expired or not signed by the deployment's authority.",
        "Make new ones with `ppc keys`.",
    ),
    RuntimeCode(
        "PPC6012",
        "writing failed",
        "An output file could not be written (disk full, no permission).",
        "Make room or choose another place; results are written to a temporary file first, so nothing is half-written.",
    ),
    RuntimeCode(
        "PPC6013",
        "a setting of this party cannot be used",
        "An environment variable of this party (PPC_THREADS, PPC_CACHE, PPC_MEMORY) has a value that cannot be used.",
        "Unset it, or give what the message asks for; every party has its own settings.",
    ),
    RuntimeCode(
        "PPC6014",
        "stored material is damaged",
        "A file of the correlated randomness that a dealer made ahead was cut short, altered, or cannot be read. It is "
        "sealed, so that no altered byte is ever used.",
        "Delete the lot's folder, which the message names, and let the dealer make new material with `ppc deal`. Never "
        "bring back an old copy: material that was used before would be used again.",
    ),
    RuntimeCode(
        "PPC6015",
        "stored material is of another plan, party or deployment",
        "Correlated randomness fits one plan and one party, and opens only with the keys of the party that it was "
        "dealt to; or another session is taking material out of the same folder.",
        "Give --material the folder that was dealt for this plan, with the same --keys; or `ppc deal` for this plan.",
    ),
    RuntimeCode(
        "PPC6016",
        "a value left the range in which a function holds",
        "Under MPC, functions such as the logarithm or a quotient are declared for a range (docs/mpc-functions.md). A "
        "node was given a value outside, so the result would be wrong; the party that would have learned it is told "
        "this one bit instead.",
        "`ppc run --mode simulate` on the same input names the node and the value. Scale the inputs, or let the "
        "node run in another domain (calibration data lets the compiler see to that).",
    ),
    RuntimeCode(
        "PPC6017",
        "a party crashed in native code",
        "A library below Python (SEAL, torch, numpy, onnxruntime) ended the process: a segmentation fault or an abort. "
        "Nothing was revealed by it; the other parties end with an error of their own.",
        "This is a fault of ppc or of the library, and worth a report with the lines the message shows; "
        "PPC_HE_NATIVE=0 keeps HE to SEAL's own binding.",
    ),
    RuntimeCode(
        "PPC6018",
        "HE takes more memory than this server may",
        "The keys, encoded weights and ciphertexts of the plan's HE part are predicted to take more memory at the "
        "server than PPC_MEMORY (megabytes) allows. It ends before it reads keys or encodes a weight.",
        "Raise PPC_MEMORY, give the server fewer threads (PPC_THREADS), or compile with a smaller batch or with "
        "`limit memory <= ...` in the policy.",
    ),
]


class PartyError(Exception):
    """A run failed for a reason outside ppc. `code` is a row of `CODES`; no secret is ever in the text."""

    def __init__(self, code: str, message: str, *, help: str | None = None):
        super().__init__(f"error[{code}]: {message}" + (f"\n   = help: {help}" if help else ""))
        self.code, self.message, self.help = code, message, help
