"""Types of values: what a tensor holds, and in which representation it exists."""

from dataclasses import dataclass
from enum import Enum
from math import prod

#: ONNX element types that the IR keeps; everything else is refused at import.
DTYPES = ("f32", "f64", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool", "str")


@dataclass(frozen=True, slots=True)
class TensorType:
    """A tensor with a static shape. The batch dimension is bound at import (`--batch`)."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}<{'x'.join(map(str, self.shape)) or 'scalar'}>"


class Domain(Enum):
    """Where a node runs. Each domain implies who sees the values it computes on (see `Domain.sees`)."""

    HE = "he"  # CKKS ciphertexts at the server; the client holds the secret key
    MPC = "mpc"  # additive shares mod 2^64 at the two computing parties
    TEE = "tee"  # in clear inside an attested enclave
    CLIENT = "client"  # in clear at the client
    SERVER = "server"  # in clear at the server

    @property
    def sees(self) -> str | None:
        """The party that sees values of this domain in clear, or None where they are encrypted or shared."""
        return {Domain.TEE: "enclave", Domain.CLIENT: "client", Domain.SERVER: "server"}.get(self)

    def __str__(self) -> str:
        return self.value
