"""MPC beside CrypTen, in separate processes over the same networks: `python -m benchmarks.mpc`."""
