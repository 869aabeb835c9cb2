"""Codes: accuracy and parameters."""

from ppc.ir.codes import Code

CODES: list[Code] = [
    Code(
        "PPC4001",
        "the range of an activation is assumed, not measured",
        "A polynomial stands for an activation only on an interval. Without calibration data ppc assumes [-8, 8]; an "
        "input outside it makes the result wrong.",
        "Give representative samples: `ppc compile --calibrate data.npz`.",
    ),
    Code(
        "PPC4002",
        "an approximation is coarse",
        "The best polynomial of the degrees that HE can afford misses the activation by more than one percent of its "
        "largest value on the calibrated range.",
        "Let the policy offer mpc, tee or client for this node, or use an activation that polynomials fit.",
    ),
    Code(
        "PPC4003",
        "the plan is less accurate than the policy allows",
        "On the calibration data, in simulate mode (polynomials, fixed-point rounding and HE noise as a model predicts "
        "them), the outputs differ from the model's by more than `error` allows, relative to their range. An error "
        "where the policy sets the limit, a warning where it is the default. The node that is named is the one that "
        "alone changes the outputs most; the report has all of them.",
        "Place that node where it runs exactly (mpc, tee or client), relax `error`, or see `ppc suggest`.",
    ),
    Code(
        "PPC4004",
        "the accuracy was not measured, or not in full",
        "Compilation spends a few seconds on measuring accuracy. The model is too large for that, or a value left the "
        "range that the plan was made for.",
        "Measure it later, for as long as it takes: `ppc accuracy plan.py --data data.npz --model model.onnx`.",
    ),
    Code(
        "PPC4005",
        "polynomials within the error budget are too deep",
        "Polynomials of high degree, or compositions of several, would change the outputs on the calibration data by "
        "no more than the policy allows (`error <= ...`, else 1 %), but no plan has the levels for them. The plan "
        "has those that fit, and the message says what they change.",
        "Offer mpc, tee or client for the activations, allow a larger error, or train with polynomial activations.",
    ),
    Code(
        "PPC4006",
        "a composition of polynomials stands for an activation",
        "The stages of a composition grow far faster outside their range than one polynomial does: an input of the "
        "activation beyond the calibrated range (which is wider than the data by a tenth of its width on either side) "
        "makes the whole result of that run wrong, not only this element.",
        "Calibrate on data that covers what the plan will see, or allow a larger error (`error <= ...`).",
    ),
    Code(
        "PPC4007",
        "one calibration sample makes a range wide",
        "A polynomial stands for an activation on the range that calibration has seen, and one sample (or one batch of "
        "them) makes this range at least twice as wide as all others do. The polynomial is less exact for all of them, "
        "or needs a higher degree.",
        "Look at the sample. Where it is a mistake, take it out of the data; where such inputs occur, keep it.",
    ),
    Code(
        "PPC4101",
        "no CKKS parameters fit",
        "The nodes under HE need more levels, or a finer scale, than the largest ring with 128-bit security gives "
        "(N = 32768: 881 bits of modulus, HomomorphicEncryption.org standard). SEAL has no bootstrapping.",
        "Place some nodes under mpc or tee (each detour refreshes the levels), use polynomials of lower degree, allow "
        "a larger error, or let the result leave through shares instead of flooding.",
    ),
    Code(
        "PPC4102",
        "an HE segment was split",
        "The cheapest assignment had more nodes under HE in a row than any CKKS parameters carry with 128-bit security "
        "and the precision asked for, so the assignment was solved again with fewer levels in a row: the value leaves "
        "HE, and comes back fresh.",
        "Nothing, or lower the degrees of polynomials (a larger `limit error`) so that fewer levels are needed.",
    ),
]
