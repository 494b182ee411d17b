"""The played world: pods and a time in, metrics out.

Promises: past and present come from the same `sample`; a pod's pool size is what its configuration said
when the pod was first seen, so a changed ConfigMap does nothing until a pod is new; a pod that is not
ready publishes nothing; a pod whose pool size cannot be known serves nothing. Beyond the pods it is
given the world knows only its epoch: the time at which the demo's story stands at "now".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from devcluster.demoload.counting import Count, integrate
from devcluster.demoload.noise import fraction, scatter
from devcluster.demoload.pods import CONTAINER, Pod
from devcluster.demoload.services import DEMO, Array, Service

SEED = 20
_HOUR = 3600.0
# Pods of one rollout are not born in the same second.
_STAGGER_SECONDS = 600.0
# A service that never fails does not exist, and an error rate of exactly zero has no percentage.
_BACKGROUND_ERRORS = 0.001
# A caller who waits for a connection waits several times as long as the work takes.
_QUEUEING = 5.0
# Standard deviations, relative to the value.
_POOL_NOISE, _LATENCY_NOISE, _MEMORY_NOISE = 0.01, 0.015, 0.004


@dataclass(frozen=True)
class Life:
    """What the world remembers of a pod: since when it lives (unix seconds), and its pool size."""

    born: float
    pool: float | None


@dataclass(frozen=True)
class Series:
    """Values of one labelled metric, one per time asked for; NaN where the pod did not exist yet."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    values: Array


class World:
    """Services on pods. Without an epoch it must be founded before it can be sampled."""

    def __init__(
        self,
        services: Sequence[Service] = DEMO,
        *,
        epoch: float | None = None,
        seed: int = SEED,
        lives: Mapping[str, Life] | None = None,
        counts: Mapping[str, Count] | None = None,
    ) -> None:
        self.services = tuple(services)
        self.epoch = epoch
        self.seed = seed
        self.lives = dict(lives or {})
        self.counts = dict(counts or {})

    def found(self, at: float, pods: Iterable[Pod]) -> None:
        """Let the story begin: `at` is its epoch, and the pods that are there are as old as it says."""
        self.epoch = at
        pods = list(pods)
        self.meet(pods)
        for service in self.services:
            for pod in pods:
                if pod.deployment == service.name:
                    age = service.age_hours * _HOUR + fraction(self.seed, pod.uid) * _STAGGER_SECONDS
                    self.lives[pod.uid] = replace(self.lives[pod.uid], born=at - age)

    def meet(self, pods: Iterable[Pod]) -> None:
        """Remember pods not seen before; later looks change nothing, except a size unknown until now."""
        sizes = {service.name: service.pool_env for service in self.services}
        for pod in pods:
            life = self.lives.get(pod.uid)
            if life is None or life.pool is None:
                pool = _pool_size(pod, sizes.get(pod.deployment))
                self.lives[pod.uid] = Life(born=life.born if life else pod.created, pool=pool)

    def forget_others(self, pods: Iterable[Pod]) -> None:
        """Drop what is remembered of pods that are gone; a uid never comes back."""
        here = {pod.uid for pod in pods}
        self.lives = {uid: life for uid, life in self.lives.items() if uid in here}
        self.counts = {uid: count for uid, count in self.counts.items() if uid in here}

    def replay(self) -> "World":
        """The same world with nothing counted yet, to sample its past without touching its present."""
        return World(self.services, epoch=self.epoch, seed=self.seed, lives=self.lives)

    def sample(self, at: float | Array, pods: Iterable[Pod]) -> list[Series]:
        """Everything that the ready pods publish at one or more ascending times (unix seconds)."""
        if self.epoch is None:
            raise RuntimeError("a world must be founded before it can be sampled")
        times = np.atleast_1d(np.asarray(at, dtype=np.float64))
        pods = list(pods)
        self.meet(pods)
        hours = (times - self.epoch) / _HOUR
        found: list[Series] = []
        for service in self.services:
            crew = [pod for pod in pods if pod.ready and pod.deployment == service.name]
            found += [one for pod in crew for one in self._memory(service, pod, times)]
            serving = [pod for pod in crew if service.pool_env is None or self.lives[pod.uid].pool]
            self._pause(service, serving, pods, times[-1])
            wanted = service.demand.at(hours) / 100 * service.connections / max(1, len(serving))
            slowdown = self._contention(service, serving)
            for pod in serving:
                found += self._work(service, pod, times, wanted, slowdown)
                found += self._count(service, pod, times, len(serving))
        return found

    def _contention(self, service: Service, serving: Sequence[Pod]) -> float:
        """How much slower the shared database answers all pods, for the size of all their pools."""
        sizes = [self.lives[pod.uid].pool or 0.0 for pod in serving]
        if service.pool_env is None or not sizes:
            return 1.0
        return float((np.mean(sizes) / service.pool) ** service.latency.contention)

    def _work(self, service: Service, pod: Pod, at: Array, wanted: Array, slowdown: float) -> list[Series]:
        """Pool and latency of one pod that is asked for `wanted` connections."""
        pool = self.lives[pod.uid].pool or service.pool
        asked = wanted * (1 + _POOL_NOISE * self._scatter("demand", pod, at))
        used, waiting = np.minimum(asked, pool), np.maximum(asked - pool, 0.0)
        crowding = 1 + service.latency.crowding * (np.minimum(wanted, pool) / pool) ** 2
        queueing = 1 + _QUEUEING * np.maximum(wanted - pool, 0.0) / pool
        p99 = service.latency.base_seconds * slowdown * crowding * queueing
        p99 = p99 * (1 + _LATENCY_NOISE * self._scatter("latency", pod, at))
        values = {"app_request_latency_p99_seconds": p99}
        if service.pool_env is not None:
            size = np.full_like(at, pool)
            values |= {"app_pool_in_use": used, "app_pool_size": size, "app_pool_waiting": waiting}
        return [self._series(metric, pod, at, one) for metric, one in values.items()]

    def _count(self, service: Service, pod: Pod, at: Array, share: int) -> list[Series]:
        """Requests and errors of one of `share` pods, counted on from where it stood."""
        life = self.lives[pod.uid]
        pool = life.pool or np.inf  # a service without a pool never runs out of one

        def rates(moments: Array) -> Array:
            percent = service.demand.at((moments - (self.epoch or 0.0)) / _HOUR)
            wanted = percent / 100 * service.connections / share
            refused = np.maximum(wanted - pool, 0.0) / wanted
            requests = wanted * service.requests_per_connection
            return np.stack([requests, requests * (_BACKGROUND_ERRORS + refused)])

        count = self.counts.get(pod.uid, Count(at=life.born))
        requests, errors = integrate(count, at, rates)
        self.counts[pod.uid] = Count(max(count.at, float(at[-1])), float(requests[-1]), float(errors[-1]))
        metrics = {"app_requests_total": requests, "app_request_errors_total": errors}
        return [self._series(metric, pod, at, values) for metric, values in metrics.items()]

    def _pause(self, service: Service, serving: Sequence[Pod], pods: Sequence[Pod], at: float) -> None:
        """Let time pass for the pods of a service that do not serve, without counting anything."""
        for pod in pods:
            if pod.deployment == service.name and pod not in serving:
                count = self.counts.get(pod.uid, Count(at=at))
                self.counts[pod.uid] = replace(count, at=max(count.at, at))

    def _memory(self, service: Service, pod: Pod, at: Array) -> list[Series]:
        """Working set and limit of one pod, in the shape that cAdvisor and kube-state-metrics publish."""
        age_hours = np.maximum(at - self.lives[pod.uid].born, 0.0) / _HOUR
        uneven = 1 + _MEMORY_NOISE * self._scatter("memory", pod, at)
        used, rss = service.memory.at(age_hours) * uneven, service.memory.anonymous_at(age_hours) * uneven
        labels = {"namespace": pod.namespace, "pod": pod.name, "container": CONTAINER}
        if pod.memory_limit is None:
            return self._usage(pod, at, used, rss, labels)
        used, rss = np.minimum(used, pod.memory_limit), np.minimum(rss, pod.memory_limit)
        limit = np.full_like(at, pod.memory_limit)
        of_memory = labels | {"resource": "memory", "unit": "byte"}
        return [
            *self._usage(pod, at, used, rss, labels),
            self._series("kube_pod_container_resource_limits", pod, at, limit, of_memory),
        ]

    def _usage(self, pod: Pod, at: Array, used: Array, rss: Array, labels: Mapping[str, str]) -> list[Series]:
        """What cAdvisor says of a container's memory."""
        values = {"container_memory_working_set_bytes": used, "container_memory_rss": rss}
        return [self._series(metric, pod, at, one, labels) for metric, one in values.items()]

    def _scatter(self, what: str, pod: Pod, at: Array) -> Array:
        return scatter(self.seed, f"{what}|{pod.name}", at)

    def _series(
        self, metric: str, pod: Pod, at: Array, values: Array, labels: Mapping[str, str] | None = None
    ) -> Series:
        """A series that is silent before its pod's birth."""
        if labels is None:
            labels = {"namespace": pod.namespace, "deployment": pod.deployment, "pod": pod.name}
        alive = np.where(at >= self.lives[pod.uid].born, values, np.nan)
        return Series(metric, tuple(labels.items()), alive)


def _pool_size(pod: Pod, variable: str | None) -> float | None:
    """The pool size in a pod's configuration; None when there is none or it is not a positive number."""
    text = pod.env.get(variable, "") if variable else ""
    return float(text) if text.strip().isdecimal() and int(text) > 0 else None
