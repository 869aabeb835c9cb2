"""Settings that keep a program to one core; they count where they are set before numpy is loaded."""

ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PPC_THREADS": "1"}
