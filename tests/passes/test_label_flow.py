"""Labels go from the policy through every operator."""

from dataclasses import replace

import pytest

from ppc.ir.diagnostic import UserError
from ppc.ir.label import PUBLIC, Label
from ppc.ir.module import Stage
from ppc.ir.parser import parse
from ppc.ir.policy import parse_policy
from ppc.ir.verify import verify
from ppc.passes.label_flow import LabelFlow

SHA = "0" * 64
MODEL = parse(
    f"""module "m" folded {{
    const @w: f32<2x2> secret[server] sha256:{SHA}
    input %x: f32<1x2>  input %t: f32<1x2>
    %p = Relu(%x) : f32<1x2> loc "pre"
    %s = Scaler(%x) {{offset = [0.5, 0.25], scale = [2.0, 4.0]}} : f32<1x2> loc "scaler"
    %h = MatMul(%p, @w) : f32<1x2> loc "fc"
    %q = Relu(%t) : f32<1x2> loc "tt"
    %y = Add(%h, %q) : f32<1x2> loc "sum"
    output %y, %s }}"""
)
OUT = 'output * reveal to client because "asked for"\n'
CLIENT, BOTH = Label.secret("client"), Label.secret("client", "server")


def labels(policy: str) -> dict[str, Label | None]:
    module = LabelFlow(parse_policy(OUT + policy)).run(MODEL)
    assert module.stage is Stage.LABELLED
    verify(module)
    return {n: v.label for n, v in module.values.items()} | {n: c.label for n, c in module.constants.items()}


def test_default_policy() -> None:
    found = {n: v.label for n, v in LabelFlow().run(MODEL).values.items()}
    assert found == {"x": CLIENT, "t": CLIENT, "p": CLIENT, "q": CLIENT, "s": BOTH, "h": BOTH, "y": BOTH}


def test_public_input_and_weights() -> None:
    found = labels('input "t" public\nweight * public')
    assert (found["t"], found["q"], found["@w"], found["h"]) == (PUBLIC, PUBLIC, PUBLIC, CLIENT)


def test_trained_attributes_are_as_secret_as_weights() -> None:
    assert labels("")["s"] == BOTH
    assert labels('allow parameters in plan because "published"')["s"] == CLIENT
    assert labels("weight * public")["s"] == CLIENT


def test_labels_of_the_module_are_not_believed() -> None:
    fake = replace(MODEL, constants={"@w": replace(MODEL.constants["@w"], label=PUBLIC)})
    assert LabelFlow().run(fake).constants["@w"].label == Label.secret("server")


def test_policy_must_fit_the_module() -> None:
    with pytest.raises(UserError, match="PPC2010"):
        LabelFlow(parse_policy(OUT + 'input "z" public')).run(MODEL)
