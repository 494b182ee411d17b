"""A real control plane, Prometheus and fake nodes on one machine, without Docker.

For the demo, for the tests and for anyone who wants to try the operator. Everything is
built from the modules pinned in ``go.mod``; see ``docs/devcluster.md``.
"""
