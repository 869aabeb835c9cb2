"""Codes: policy and information flow."""

from ppc.ir.codes import Code

CODES: list[Code] = [
    Code(
        "PPC2001",
        "the policy does not parse",
        "A policy is a list of statements that start with a keyword. What is not understood is never skipped, because "
        "the line might have forbidden something.",
        "Correct the line; the message lists what could stand there.",
    ),
    Code(
        "PPC2002",
        "an unknown word in the policy",
        "Domains, roles, degrees of trust, measures and units are fixed words.",
        "Take one of the words that the message suggests.",
    ),
    Code(
        "PPC2003",
        "a party that the policy does not have",
        "Without a `party` line the parties are client, server, dealer and enclave; with one, those it names. "
        "`compute0` and `compute1` come as a pair, or not at all.",
        "Name one of the parties, or add `party NAME is ROLE`.",
    ),
    Code(
        "PPC2004",
        "a reason is missing",
        "Every reveal and every measured enclave says what it rests on, because an auditor reads exactly these lines.",
        'Write because "..." (or the measurement) in full.',
    ),
    Code(
        "PPC2005",
        "two lines of the policy contradict each other",
        "Order carries no meaning in a policy, so of two lines that disagree neither can win.",
        "Remove one of the two; for owners, a full name beats a pattern.",
    ),
    Code(
        "PPC2010",
        "a name in the policy matches nothing",
        "A misspelt `deny` would deny nothing and a misspelt owner would own nothing, so ppc does not go on.",
        "Take a name of the model; the message suggests the nearest. `*` and `?` are wildcards.",
    ),
    Code(
        "PPC2011",
        "nobody learns an output",
        "Each output of the model must reach at least one party, and only the policy can say which.",
        'Add `output "NAME" reveal to client because "..."`.',
    ),
    Code(
        "PPC2012",
        "a party cannot do that",
        "Secret inputs are held by the client and secret weights by the server; values can be revealed to these two.",
        "Swap the roles of the parties (`party hospital is client`), or make the tensor public.",
    ),
    Code(
        "PPC2013",
        "the plan needs trust that the policy does not state",
        "Ciphertexts and shares hide values only if certain parties behave; the policy must say that they do.",
        "Add the `trust` or `assume` line, or let ppc place the nodes elsewhere.",
    ),
    Code(
        "PPC2014",
        "an HE result would carry secret weights to the key owner",
        "The noise of a CKKS ciphertext depends on the weights, and the key owner sees it when decrypting. It must be "
        "flooded, or the value must leave through shares (circuit privacy).",
        "Allow mpc with a dealer, or leave room for flooding; declare the weights public if they are.",
    ),
    Code(
        "PPC2015",
        "a weight would leave its owner",
        "Weights are used in clear by their owner, as plaintexts of HE, as shares, or in the enclave; the client never "
        "holds one unless it is public.",
        'Place the node elsewhere, or declare the weight public: `weight "NAME" public`.',
    ),
    Code(
        "PPC2016",
        "a party would see a value it may not see",
        "The value depends on secrets of somebody else, and no `output`, `reveal` or `allow ... to see activations` "
        "line lets the party learn it.",
        'Place the node elsewhere, or add `reveal "NAME" to PARTY because "..."`.',
    ),
    Code(
        "PPC2017",
        "an output does not reach its party",
        "The policy promises an output to a party, and the plan does not deliver it in clear.",
        "Compile again; if nobody edited the plan this is a bug of ppc.",
    ),
    Code(
        "PPC2018",
        "a step runs where the policy forbids it",
        "A `deny` line, or an `allow` list that leaves the domain out, covers this step or the data it depends on.",
        "Compile again with the policy as it is now; the plan was made for another one.",
    ),
    Code(
        "PPC2019",
        "the steps of a plan do not fit together",
        "A step reads a value in a representation that no step wrote, belongs to no node of the model, or is unknown. "
        "Nothing can be said of who sees what in such a plan.",
        "Compile again; if nobody edited the plan this is a bug of ppc.",
    ),
    Code(
        "PPC2020",
        "a label is weaker than the computation",
        "The module claims that a value depends on fewer secrets than its operands do.",
        "Compile again; if nobody edited the module this is a bug of ppc.",
    ),
    Code(
        "PPC2021",
        "trained numbers would stand in the public plan",
        "Trees, scalers and linear classifiers carry their parameters as attributes, and every party gets the plan.",
        'Declare them public (`weight * public`), or say so: `allow parameters in plan because "..."`.',
    ),
    Code(
        "PPC2022",
        "a party would have to stay online",
        "The policy has `require non_interactive`: the client uploads its input and downloads the result, and nothing "
        "in between may need it. Shares (mpc) and values that go back from the client do.",
        "Drop the requirement, or leave everything in he or tee.",
    ),
    Code(
        "PPC2023",
        "a node does not run where the policy places it",
        "A `place` line names another domain than the one the step runs in.",
        "Compile again with the policy as it is now; the plan was made for another one.",
    ),
    Code(
        "PPC2024",
        "the HE parameters are too weak",
        "Ring degree and modulus give fewer bits of security than the policy requires (128 where it is silent).",
        "Allow a larger ring degree, or fewer levels (more approximation error, or more conversions).",
    ),
    Code(
        "PPC2025",
        "a reveal does not give the policy's reason",
        "Each reveal in a plan repeats the reason of the policy line that allows it, so that the plan can be audited "
        "on its own.",
        "Compile again; if nobody edited the plan this is a bug of ppc.",
    ),
    Code(
        "PPC2026",
        "a party could alter an output that the policy keeps from it",
        "The policy has `require integrity of output ... against PARTY`, and that party takes part in computing the "
        "output. Nothing here proves a computation, so whoever computes is believed; an attested enclave alone is not.",
        "Allow tee (or client) for the nodes that lead to the output, or drop the requirement.",
    ),
]
