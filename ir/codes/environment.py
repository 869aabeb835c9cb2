"""Codes: the request and its surroundings."""

from ppc.ir.codes import Code

CODES: list[Code] = [
    Code(
        "PPC5001",
        "no such network",
        "The network named is neither `lan` nor `wan`, nor a file with one `network` line.",
        "Use one of them, a file that `ppc network -o` wrote, or a `network` line in the policy with bandwidth and "
        "rtt.",
    ),
    Code(
        "PPC5002",
        "no such target",
        "--targets names a domain that ppc does not have.",
        "Use he, mpc, tee, client, server.",
    ),
    Code(
        "PPC5003",
        "the output would overwrite something that is not a plan",
        "ppc overwrites only plan.py files that it made itself.",
        "Choose another name with -o.",
    ),
    Code(
        "PPC5004",
        "a file cannot be written",
        "The disk is full or the folder does not allow it. Files are written to a temporary name first, so no "
        "plan is half-written.",
        "Make room, or choose another folder.",
    ),
    Code(
        "PPC5005",
        "calibration data does not fit the model",
        "An array is missing, has another shape or type, or holds NaN or infinity.",
        "Name the arrays after the model's inputs, first axis = samples.",
    ),
    Code(
        "PPC5006",
        "the plan is not what ppc makes of this model",
        "A fresh compilation gives other bytes: the model, the policy, the calibration data or the version of ppc is "
        "another one, or somebody has edited the plan.",
        "Give the model, calibration data and ppc version the plan was made with; if they are, do not run this plan.",
    ),
    Code(
        "PPC5011",
        "no such objective",
        "--objective names something that ppc does not measure, or a weight that is no positive number.",
        "Use latency, throughput, traffic or money, `total` before it, or a weighting: latency=1,money=20.",
    ),
    Code(
        "PPC5021",
        "the machine is too busy to be measured",
        "Other programs took the processor while `ppc calibrate` measured, so the times would tell more about them "
        "than about this machine, and every compilation would choose by them.",
        "End what else is running and try again, or accept the numbers with --force; the table then says so.",
    ),
    Code(
        "PPC5022",
        "a table of prices cannot be used",
        "The file is no JSON, misses a row or has one too many, holds a number that is no time, or was written by a "
        "ppc that measures other things.",
        "Measure again with `ppc calibrate`, or remove the file: the table that ships with ppc is used then.",
    ),
    Code(
        "PPC5023",
        "the prices are of another machine",
        "A table of prices holds for the processor and the versions of the libraries that it was measured with. The "
        "stored one is used only where these are the same; one that is named is used as it is.",
        "Measure this machine with `ppc calibrate`.",
    ),
]
