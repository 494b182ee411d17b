"""Vanguard: from a metric's trend to a healed service, one small reversible change at a time."""

__version__ = "0.1.0"
