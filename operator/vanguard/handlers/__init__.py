"""The doorbell: kopf functions that unpack and delegate, and the wiring of the process.

Run with `kopf run -A -m vanguard.handlers`.
"""

import os

# The forecaster's products are small: further threads of BLAS wait for work by spinning, and cost more than they do.
# It must be said before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from vanguard.handlers import interventions, policies, process

__all__ = ["interventions", "policies", "process"]
