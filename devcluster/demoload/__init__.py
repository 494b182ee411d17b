"""Plays four services on fake pods, for the demo and for tests.

devcluster's nodes are fake: their pods run nothing, so nobody uses a connection pool or leaks memory.
This package supplies what those pods would have published. It promises to obey the cluster: which pods
are ready, what their spec and their ConfigMap said when they started, and how long they have lived are
all read from the real API server. It knows nothing of whoever changes the cluster, so a change helps or
harms here only because of what the change is.

    services      what a service is made of, and the four of the demo
    world         pods and a time in, metrics out; past and present from the same function
    noise         the small deterministic scatter on every measured value
    cluster_view  what the API server says, reduced to what the world needs
    world_file    the world's memory between two starts
    exporter      the present: follows the cluster and answers Prometheus' scrapes
    backfill      the past: the same world, written as OpenMetrics for promtool
    exposition    OpenMetrics text
"""
