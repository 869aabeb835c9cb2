"""One ONNX model through the whole compiler with every node in one domain, run in simulate mode."""

import tempfile
from pathlib import Path
from typing import Any

import onnx

from ppc.compiler.driver import Request, compile_model
from ppc.runtime.local import LocalSession
from ppc.runtime.plan import Plan

#: Nothing but the domain may run a node, so what the domain cannot run is refused.
POLICY = """
party client, server, dealer
input  *  secret of client
weight *  secret of server
output *  reveal to client because "the node test looks at it"
trust client semi_honest
trust server semi_honest
trust dealer non_colluding
allow {domain}
"""


def simulate(
    model: onnx.ModelProto, feeds: dict[str, Any], fixed: dict[str, Any], domain: str
) -> tuple[list[Any], float]:
    """Outputs under `domain`, and the error that its polynomials may make, as the report states it.

    Raises UserError where the domain cannot run a node.
    """
    with tempfile.TemporaryDirectory() as folder:
        calibrate = (feeds,) if domain == "he" else None
        compiled = compile_model(
            Request(
                model,
                POLICY.format(domain=domain),
                (domain,),
                calibrate,
                fixed={k: a.tolist() for k, a in fixed.items()},
            )
        )
        plan, program = Plan.load(compiled.save(Path(folder) / "plan.py"))
        session = LocalSession("everyone", plan.manifest, noise=True)
        session.weights = {**plan.server_weights(), **plan.public_constants()}
        session.start_run(0, feeds)
        program(session)
    names = [o["name"] for o in plan.manifest["model"]["outputs"]]
    stated = sum(float(a["error"]) for a in compiled.report["approximations"])
    return [session.outputs[name] for name in names], stated
