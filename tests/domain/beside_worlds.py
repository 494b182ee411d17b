"""Random worlds of suspects: true leaks in all kinds of weather, and what looks like them, each with its companions.

Everything is drawn from a generator: levels, noise, onsets, daily traffic. Values are in percent of a limit of 95
unless a world is `scaled`; five-minute samples of five days.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vanguard.api.pattern import CompanionRole
from vanguard.domain.lookalike import Suspect, Voice
from vanguard.domain.past import BLOCK, Floats, Past

LIMIT = 95.0
SAMPLES = 5 * 288
HOURS = (np.arange(SAMPLES) + 1 - SAMPLES) / 12
Rng = np.random.Generator
World = Callable[[Rng], Suspect]


def past(*rows: Floats) -> Past:
    """The past of some series."""
    return Past.of(np.array(rows))


def noise(rng: Rng, size: float, rho: float | None = None) -> Floats:
    """Noise whose neighbours resemble each other by `rho`, drawn if not given."""
    keep = rng.uniform(0, 0.8) if rho is None else rho
    white = rng.normal(0, size * np.sqrt(1 - keep**2), SAMPLES)
    out = np.empty(SAMPLES)
    last = 0.0
    for i, shock in enumerate(white):
        last = out[i] = keep * last + shock
    return out


def since(onset: float) -> Floats:
    """Hours since an onset some hours ago; 0 before."""
    return np.maximum(0.0, HOURS + onset)


def traffic(rng: Rng) -> Floats:
    """Requests per second: a daily curve of any phase, weather, and now and then a burst."""
    level, swing = rng.uniform(20, 2000), rng.uniform(0.1, 0.5)
    day = 1 + swing * np.sin(2 * np.pi * HOURS / 24 + rng.uniform(0, 2 * np.pi))
    weather = noise(rng, rng.uniform(0.02, 0.08), 0.9)
    burst = np.where(rng.random(SAMPLES) < 0.003, rng.uniform(0.1, 0.5), 0.0)
    return np.asarray(level * np.maximum(0.05, day + weather + burst))


def leaked(rng: Rng) -> tuple[Floats, Floats, float]:
    """The leak alone and the level it started from, such that 95 is reached in 2 to 11 hours; and its onset."""
    onset, ahead, base = rng.uniform(4, 30), rng.uniform(2, 11), rng.uniform(15, 60)
    rate = (LIMIT - base) / (onset + ahead)
    return rate * since(onset), np.full(SAMPLES, base), onset


def leak(rng: Rng) -> Suspect:
    """A true leak with every companion: anonymous memory and heap grow, the load does what it wants."""
    lost, base, _ = leaked(rng)
    work = traffic(rng)
    felt = rng.uniform(0, 0.12) * base * (work / work.mean() - 1)
    own = base + lost + felt + noise(rng, rng.uniform(0.1, 1.2))
    share = rng.uniform(0.3, 0.9)
    anonymous = share * base + rng.uniform(0.7, 1.0) * lost + 0.7 * felt + noise(rng, rng.uniform(0.05, 0.8))
    heap = rng.uniform(0.3, 0.8) * base + rng.uniform(0.7, 1.0) * lost + noise(rng, rng.uniform(0.1, 1.0))
    pods = [base + rng.uniform(0.6, 1.4) * lost + felt + noise(rng, 0.8) for _ in range(rng.integers(3, 9))]
    return Suspect(
        "memory",
        past(own),
        LIMIT,
        rising=True,
        voices=(
            Voice("anonymous", CompanionRole.ANONYMOUS_MEMORY, past(anonymous)),
            Voice("requests", CompanionRole.WORK_RATE, past(work)),
            Voice("heap", CompanionRole.CONTRARY, past(heap)),
            Voice("pods", CompanionRole.PER_REPLICA, past(*pods)),
        ),
    )


def leak_while_traffic_grows(rng: Rng) -> Suspect:
    """A true leak, and traffic grows for some hours, by chance at about the same time."""
    work = traffic(rng) * (1 + rng.uniform(0.02, 0.12) * since(rng.uniform(2, 20)))
    lost, base, _ = leaked(rng)
    felt = rng.uniform(0, 0.2) * base * (work / work.mean() - 1)
    own = base + lost + felt + noise(rng, rng.uniform(0.1, 1.2))
    return replace(leak(rng), own=past(own), voices=(Voice("requests", CompanionRole.WORK_RATE, past(work)),))


def instead(suspect: Suspect, name: str, heard: Past) -> Suspect:
    """The same with another past of one companion."""
    voices = tuple(replace(voice, past=heard) if voice.name == name else voice for voice in suspect.voices)
    return replace(suspect, voices=voices)


def page_cache(rng: Rng) -> Suspect:
    """The working set climbs by page cache; anonymous memory breathes with the load."""
    lost, base, _ = leaked(rng)
    suspect = replace(leak(rng), own=past(base + lost + noise(rng, rng.uniform(0.1, 1.2))))
    anonymous = rng.uniform(0.3, 0.9) * base + rng.uniform(0, 0.06) * lost + noise(rng, rng.uniform(0.05, 0.8))
    return instead(suspect, "anonymous", past(anonymous))


def contradicted(rng: Rng) -> Suspect:
    """The heap stays where it is, or falls, while the working set climbs."""
    gone = rng.uniform(-1.0, 0.0) * since(rng.uniform(2, 10))
    return instead(leak(rng), "heap", past(rng.uniform(20, 60) + gone + noise(rng, rng.uniform(0.1, 0.8))))


def load_climbs(rng: Rng) -> Suspect:
    """Traffic grows for hours on top of its days, and usage follows it: in part at least a fixed level."""
    suspect = leak(rng)
    grows = 1 + rng.uniform(0.06, 0.15) * since(rng.uniform(4, 10))
    work = traffic(rng) * grows
    fixed = rng.uniform(0, 0.6) * 85
    own = fixed + (85 - fixed) * work / work[-6:].mean() + noise(rng, rng.uniform(0.1, 1.0))
    voices = tuple(voice for voice in suspect.voices if voice.name == "requests")
    return instead(replace(suspect, own=past(own), voices=voices), "requests", past(work))


def one_bad_replica(rng: Rng) -> Suspect:
    """One of three to nine pods leaks."""
    suspect, count = leak(rng), int(rng.integers(3, 10))
    lost, base, _ = leaked(rng)
    pods = [base + (lost if i == 0 else 0) + noise(rng, rng.uniform(0.1, 0.8)) for i in range(count)]
    return instead(replace(suspect, own=past(pods[0])), "pods", past(*pods))


def warming_up(rng: Rng) -> Suspect:
    """Restarted some hours ago from a steady life; it climbs back to where it was, ever slower."""
    suspect, mature = leak(rng), rng.uniform(55, 85)
    cold, age = mature * rng.uniform(0.2, 0.5), rng.uniform(1.5, 5)
    tau = age / rng.uniform(2.5, 5)
    life = cold + (mature - cold) * (1 - np.exp(-since(age) / tau))
    own = np.where(since(age) > 0, life, mature) + noise(rng, rng.uniform(0.1, 0.6), 0.0)
    return replace(suspect, own=past(own), voices=())


def leak_with_restarts(rng: Rng) -> Suspect:
    """A leak that restarts hide: each life climbs from the same level, with a little warm-up."""
    suspect = leak(rng)
    base, period, age = rng.uniform(20, 40), rng.uniform(10, 30), rng.uniform(2, 8)
    life = np.mod(HOURS + age, period)
    rate = rng.uniform(0.7, 1.0) * (LIMIT - base) / period
    own = base + rate * life + rng.uniform(0, 8) * (1 - np.exp(-life)) + noise(rng, rng.uniform(0.1, 0.8))
    return replace(suspect, own=past(own), voices=())


def leak_since_a_release(rng: Rng) -> Suspect:
    """A steady life until a release some hours ago: it warms up a little, and leaks since."""
    suspect, age, ahead = leak(rng), rng.uniform(2, 8), rng.uniform(2, 11)
    cold, warmth, tau = rng.uniform(20, 40), rng.uniform(0, 15), rng.uniform(0.2, 1.5)
    rate = (LIMIT - cold - warmth) / (age + ahead)
    life = cold + warmth * (1 - np.exp(-since(age) / tau)) + rate * since(age)
    own = np.where(since(age) > 0, life, cold + warmth) + noise(rng, rng.uniform(0.1, 0.8))
    return replace(suspect, own=past(own), voices=())


def gappy(world: World) -> World:
    """A third of all half hours are missing, but not the last one; of each series others."""

    def drawn(rng: Rng) -> Suspect:
        suspect = world(rng)

        def holed(old: Past) -> Past:
            fine, blocks = old.fine.copy(), old.blocks.copy()
            lost = rng.random(fine.shape[1] // BLOCK - 1) < 1 / 3
            fine[:, : lost.size * BLOCK][:, np.repeat(lost, BLOCK)] = np.nan
            blocks[:, -1 - lost.size : -1][:, lost] = np.nan
            blocks[:, : -1 - lost.size][:, rng.random(blocks.shape[1] - 1 - lost.size) < 1 / 3] = np.nan
            return Past(fine, blocks, old.phase)

        return _each(suspect, holed)

    return drawn


def coarse(world: World) -> World:
    """Every value but the work rate is a whole number."""
    return lambda rng: _each(world(rng), lambda old: Past(old.fine.round(), old.blocks.round(), old.phase), work=False)


def young(world: World) -> World:
    """Everything began thirty hours ago."""

    def born(old: Past) -> Past:
        blocks = old.blocks.copy()
        blocks[:, :-60] = np.nan
        return Past(old.fine, blocks, old.phase)

    return lambda rng: _each(world(rng), born)


def _each(suspect: Suspect, change: Callable[[Past], Past], *, work: bool = True) -> Suspect:
    """The same with every past changed."""
    voices = tuple(
        replace(voice, past=change(voice.past))
        if voice.past is not None and (work or voice.role is not CompanionRole.WORK_RATE)
        else voice
        for voice in suspect.voices
    )
    return replace(suspect, own=change(suspect.own), voices=voices)


def scaled(world: World, factor: float) -> World:
    """The same world in another unit; work rates stay as they are."""

    def drawn(rng: Rng) -> Suspect:
        suspect = _each(world(rng), other, work=False)
        return replace(suspect, limit=suspect.limit * factor)

    def other(old: Past) -> Past:
        return Past(old.fine * np.float32(factor), old.blocks * np.float32(factor), old.phase)

    return drawn


def upside_down(world: World) -> World:
    """The same world for a falling signal: what is free of 100."""

    def drawn(rng: Rng) -> Suspect:
        suspect = world(rng)
        voices = tuple(
            replace(voice, past=free(voice.past))
            if voice.past is not None and voice.role in {CompanionRole.PER_REPLICA, CompanionRole.CONTRARY}
            else voice
            for voice in suspect.voices
        )
        return replace(suspect, own=free(suspect.own), limit=100 - suspect.limit, rising=False, voices=voices)

    def free(old: Past) -> Past:
        return Past(100 - old.fine, 100 - old.blocks, old.phase)

    return drawn
