"""What a batch-packed plan is predicted to hold: the values that exist as a whole, while something needs them."""

import pytest

from ppc.runtime.he import batch_memory
from ppc.runtime.he.batch_readers import read_again
from ppc.runtime.he.memory import server_memory
from ppc.runtime.layout import Layout, layout_attrs

N, SAMPLES = 8192, 5


def line(at, name, operands, result, **attrs):
    return {
        "id": at,
        "step": name,
        "op": "",
        "node": "n",
        "dtype": "f32",
        "shape": [SAMPLES],
        "shapes": [[SAMPLES]],
        "operands": operands,
        "results": [result],
        "attrs": attrs,
    }


def layout(elements, prefix=""):
    return layout_attrs(Layout(((SAMPLES, 1), (elements, N // 2)), N // 2), prefix)


def plan(skip):
    """x -> linear -> square -> linear -> rescale -> leave; with `skip`, x is read again at the end."""
    steps = [
        line(1, "convert.client_to_he", ["in"], "x", level=2, packing="batch", **layout(10)),
        line(2, "he.batch_linear", ["x", "@w", "@b"], "h", level=2, **layout(40, "out_")),
        line(3, "he.batch_square", ["h"], "s", level=2),
        line(4, "he.batch_linear", ["s", "@v", "@c"], "t", level=2, **layout(4, "out_")),
        line(5, "he.batch_rescale", ["t"], "u", level=2, out_level=1),
        line(6, "he.batch_linear", ["u", "@z", "@d"], "y", level=1, **layout(4, "out_")),
    ]
    if skip:
        steps.append(line(7, "he.batch_linear", ["x", "@z", "@d"], "q", level=2, **layout(4, "out_")))
    steps.append(line(8, "reveal.he_to_client", ["y"], "out", level=1, **layout(4)))
    he = {"packing": "batch", "degree": N, "top_level": 2, "galois": {}, "relin": [2]}
    return {"he": he, "steps": steps}


def blocks(threads):
    """Polynomials that threads work in."""
    return threads * batch_memory._BLOCKS * batch_memory.BLOCK_WORDS // N


@pytest.mark.parametrize("threads", [1, 2])
def test_the_peak_is_at_the_rescale(threads):
    entered, read, made = 10 * 2 * 3, 4 * 3 * 3, 4 * 2 * 2
    assert batch_memory.polynomials(plan(False), threads) == entered + read + made + blocks(threads)


def test_what_is_pending_never_counts_and_what_is_read_again_stays():
    short, again = (batch_memory.polynomials(plan(skip), 1) for skip in (False, True))
    assert again >= short
    without = plan(False)
    without["steps"][1]["attrs"] |= layout(4000, "out_")
    assert batch_memory.polynomials(without, 1) == short


def test_a_matrix_product_that_two_steps_read_is_held():
    once, again = plan(False), plan(False)
    again["steps"].insert(3, line(9, "he.batch_square", ["h"], "q", level=2))
    assert read_again(once) == frozenset() and read_again(again) == {2}
    # h beside x, whose last reader has made it, and what the rescale reads and makes
    held, entered, read, made = 40 * 2 * 3, 10 * 2 * 3, 4 * 3 * 3, 4 * 2 * 2
    assert batch_memory.polynomials(again, 1) == max(held + entered, held + read + made) + blocks(1)


def test_the_prediction_of_a_server_has_no_weights_as_plaintexts():
    found = server_memory(plan(False), 1)
    assert found.weights == 0 and found.keys > 0
    assert found.ciphertexts >= 8 * N * batch_memory.polynomials(plan(False), 1)
