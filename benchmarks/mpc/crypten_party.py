"""One process of CrypTen as it comes: `python -m benchmarks.mpc.crypten_party RANK PROVIDER STORE FOLDER PASSES`.

Ranks 0 and 1 compute; rank 2 is the third party of provider TTP. FOLDER has model.onnx and x.npy, one pass of inputs;
rank 1 writes y.npy. Not secure: see `ppc.runtime.mpc.crypten_import`.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from benchmarks.mpc.crypten_graph import INPUT_OF, Graph
from benchmarks.mpc.gloo_store import LinkedStore
from ppc.runtime.mpc.crypten_import import load
from ppc.runtime.status import Status

THIRD = 2


def main() -> None:
    rank, provider, port, folder, passes = sys.argv[1:]
    status = Status.from_environment()
    torch.set_num_threads(1)
    os.environ |= {"WORLD_SIZE": "2", "RANK": rank, "RENDEZVOUS": "linked://", "GLOO_SOCKET_IFNAME": "lo"}
    store = LinkedStore(int(port), int(rank))  # torch holds what is below Python's part of it, and no more

    def meet(url: str, **kwargs: Any) -> Iterator[tuple[LinkedStore, int, int]]:
        yield store, int(rank), 3 if provider == "TTP" else 2

    dist.register_rendezvous_handler("linked", meet)
    crypten: Any = load(insecure=True)
    from crypten.config import cfg

    cfg.mpc.provider = provider
    if int(rank) == THIRD:
        crypten.mpc.provider.ttp_provider.TTPServer()
        return
    status.result(**measure(crypten, cfg, int(rank), Path(folder), int(passes)))
    crypten.uninit()


def measure(crypten: Any, cfg: Any, rank: int, folder: Path, passes: int) -> dict[str, Any]:
    """Seconds of set-up and of each pass, from sharing the input to the opened result; rounds and bytes of a pass."""
    cfg.communicator.verbose = True
    start = time.perf_counter()
    crypten.init()
    communicator = crypten.communicator.get()
    graph = Graph(crypten, folder / "model.onnx")
    communicator.barrier()
    setup, took = time.perf_counter() - start, []
    x = torch.from_numpy(np.load(folder / "x.npy"))
    for _ in range(passes):
        communicator.barrier()
        communicator.reset_communication_stats()
        start = time.perf_counter()
        y = graph(crypten.cryptensor(x, src=INPUT_OF))._tensor
        opened = y.reveal(dst=INPUT_OF)
        took.append(time.perf_counter() - start)
    if rank == INPUT_OF:  # its own decoder is off by one for some negative numbers
        np.save(folder / "y.npy", opened.numpy().astype(np.float64) / y.encoder._scale)
    return {
        "setup": setup,
        "passes": took,
        "rounds": communicator.comm_rounds,
        "bytes": communicator.comm_bytes,
    }


if __name__ == "__main__":
    main()
