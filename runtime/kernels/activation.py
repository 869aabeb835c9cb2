"""Kernels of activation functions. All are elementwise; `prelu` broadcasts its slope to x."""

import numpy as np

from ppc.runtime.kernels import Array

SELU_ALPHA = 1.67326319217681884765625  # the float32 constants of the ONNX standard
SELU_GAMMA = 1.05070102214813232421875


def relu(x: Array) -> Array:
    y: Array = np.maximum(x, x.dtype.type(0))
    return y


def leaky_relu(x: Array, *, alpha: float = 0.01) -> Array:
    return np.where(x < 0, alpha * x, x)


def prelu(x: Array, slope: Array) -> Array:
    return np.where(x < 0, slope * x, x)


def thresholded_relu(x: Array, *, alpha: float = 1.0) -> Array:
    return np.where(x > alpha, x, x.dtype.type(0))


def elu(x: Array, *, alpha: float = 1.0) -> Array:
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


def selu(x: Array, *, alpha: float = SELU_ALPHA, gamma: float = SELU_GAMMA) -> Array:
    return gamma * elu(x, alpha=alpha)


def celu(x: Array, *, alpha: float = 1.0) -> Array:
    return np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(np.minimum(x, 0) / alpha))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    e = np.exp(-np.abs(x))
    y: Array = np.where(x >= 0, 1.0, e) / (1.0 + e)
    return y


def hard_sigmoid(x: Array, *, alpha: float = 0.2, beta: float = 0.5) -> Array:
    return np.clip(alpha * x + beta, 0.0, 1.0)


def hard_swish(x: Array) -> Array:
    return x * hard_sigmoid(x, alpha=1.0 / 6.0, beta=0.5)


def swish(x: Array, *, alpha: float = 1.0) -> Array:
    return x * sigmoid(alpha * x)


def softplus(x: Array) -> Array:
    return np.logaddexp(x, 0.0)


def softsign(x: Array) -> Array:
    return x / (1.0 + np.abs(x))


def mish(x: Array) -> Array:
    return x * np.tanh(softplus(x))


def shrink(x: Array, *, bias: float = 0.0, lambd: float = 0.5) -> Array:
    return np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, x.dtype.type(0)))
