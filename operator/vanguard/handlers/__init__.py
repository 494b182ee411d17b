"""The doorbell: kopf functions that unpack and delegate, and the wiring of the process.

Run with `kopf run -A -m vanguard.handlers`.
"""

from vanguard.handlers import interventions, policies, process

__all__ = ["interventions", "policies", "process"]
