"""The operator's arithmetic keeps to one thread."""

import subprocess
import sys


def test_importing_the_operator_before_numpy_leaves_blas_without_threads_of_its_own() -> None:
    lines = (
        "import os, vanguard.handlers",
        "import numpy as np",
        "np.ones((400, 400)) @ np.ones((400, 400))",
        "print(os.environ['OPENBLAS_NUM_THREADS'], len(os.listdir('/proc/self/task')))",
    )
    said = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "1"]
