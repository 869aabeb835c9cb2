"""HE on small networks, side by side with TenSEAL's own API: `python -m benchmarks.he`."""
