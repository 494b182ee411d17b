"""Backtest: the operator's own loop over recorded data, in a world that is made up around it.

The detector, the gathering, the gates and the lifecycle are those of the operator, unchanged; what is made up is the
ports: a clock that jumps, a Prometheus that knows a recording up to that clock and nothing later, and an API server
that holds the patterns and policies in question. What nobody can know of the past is assumed, and said to be.
"""
