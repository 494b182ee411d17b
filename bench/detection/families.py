"""The generator: fourteen days of 5-minute samples as a fraction of the limit, by family, with known truth.

Healthy families never hold the limit for three samples; breaching ones end where they first do. The same seed gives
the same series. `Breadth` says how far the parameters reach: training draws from wider ones than it is judged on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rng = np.random.Generator

HOUR = 12
DAY = 288
LENGTH = 14 * DAY
HEALTHY_SHARE = 0.8
HELD = 3
_HOURS = np.arange(LENGTH) / HOUR


@dataclass(frozen=True)
class Breadth:
    """How wide parameters are drawn: low and high of uniform draws, unless said otherwise.

    `still` is the share of series with a fiftieth of the noise.
    """

    rho: tuple[float, float] = (0.0, 0.9)
    noise: tuple[float, float] = (0.005, 0.03)
    weekday: float = 0.25
    sharpness: tuple[float, float] = (0.7, 3.0)
    hours_to_limit: tuple[float, float] = (4.0, 60.0)
    accelerating: tuple[float, float] = (1.5, 3.0)
    growth_per_hour: tuple[float, float] = (0.0001, 0.0012)
    period_hours: tuple[float, float] = (3.0, 48.0)
    tops: tuple[float, float] = (0.6, 0.9)
    steps: tuple[float, float] = (0.10, 0.35)
    spikes: float = 0.003
    still: float = 0.0


STANDARD = Breadth()
WIDE = Breadth(
    rho=(0.0, 0.97),
    noise=(0.0, 0.05),
    weekday=0.4,
    sharpness=(0.5, 5.0),
    hours_to_limit=(3.0, 96.0),
    accelerating=(1.2, 4.0),
    growth_per_hour=(0.0, 0.002),
    period_hours=(2.0, 72.0),
    tops=(0.5, 0.97),
    steps=(0.05, 0.45),
    spikes=0.006,
    still=0.25,
)


@dataclass(frozen=True)
class Fold:
    """Some series.

    Attributes:
        values: [series, 4032], the limit is 1; NaN from the breach on.
        onset: [series], sample where the trend towards the limit begins; -1 = never.
        breach: [series], sample of the breach; -1 = never.
        family: [series], name of the family.
        foreseeable: [series], whether the trend began three hours before the breach or earlier.
    """

    values: Floats
    onset: NDArray[np.int64]
    breach: NDArray[np.int64]
    family: NDArray[np.str_]

    @property
    def foreseeable(self) -> NDArray[np.bool_]:
        """Which breaches could have been known of: their trend began at least three hours before."""
        return (self.breach >= 0) & (self.onset >= 0) & (self.breach - self.onset >= 3 * HOUR)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Fold":
        """Some of the series."""
        return Fold(self.values[rows], self.onset[rows], self.breach[rows], self.family[rows])


@dataclass
class Draw:
    """What a family is given: its chance, how wide, and a path that it shapes."""

    rng: Rng
    breadth: Breadth
    onset: int = -1
    surprise: bool = False
    extra: dict[str, float] = field(default_factory=dict)

    def uniform(self, span: tuple[float, float]) -> float:
        """A number of that span."""
        return float(self.rng.uniform(*span))


def noise(draw: Draw) -> Floats:
    """AR(1) noise with heavy tails (Student's t with four degrees of freedom), of its own spread."""
    rho, spread = draw.uniform(draw.breadth.rho), draw.uniform(draw.breadth.noise)
    if draw.breadth.still and draw.rng.random() < draw.breadth.still:
        spread /= 50
    shocks = draw.rng.standard_t(4, LENGTH) / np.sqrt(2.0)  # t4 has variance 2
    shocks *= spread * np.sqrt(1 - rho**2)
    out = np.empty(LENGTH)
    state = shocks[0] / np.sqrt(1 - rho**2)
    for i, shock in enumerate(shocks.tolist()):
        state = rho * state + shock
        out[i] = state
    return out


def weekdays(draw: Draw) -> Floats:
    """A factor for each sample: weekends, and each weekday a little, are quieter."""
    depth = draw.rng.uniform(0, draw.breadth.weekday)
    factors = 1 - depth * draw.rng.uniform(0, 0.4, 7)
    factors[[5, 6]] = 1 - depth * draw.rng.uniform(0.6, 1.0, 2)
    day = (np.arange(LENGTH) // DAY + draw.rng.integers(7)) % 7
    return np.asarray(factors[day])


def daily(draw: Draw) -> Floats:
    """The daily curve, 0..1, with its own peak hour and sharpness."""
    peak, sharp = draw.rng.uniform(0, 24), draw.uniform(draw.breadth.sharpness)
    return np.asarray(((1 + np.cos(2 * np.pi * (_HOURS - peak) / 24)) / 2) ** sharp)


def season(draw: Draw) -> Floats:
    """A daily curve."""
    base, top = draw.rng.uniform(0.1, 0.4), draw.rng.uniform(0.5, 0.9)
    return base + (top - base) * daily(draw) * weekdays(draw)


def sawtooth(draw: Draw) -> Floats:
    """Garbage collection, log rotation: climbs that are given back."""
    top, low = draw.uniform(draw.breadth.tops), draw.rng.uniform(0.1, 0.45)
    path, _ = _teeth(draw, top, low)
    return path


def _teeth(draw: Draw, top: float, low: float) -> tuple[Floats, list[tuple[int, int]]]:
    """Teeth from low to top whose lengths and tops differ a little; and where each begins and ends."""
    period = np.exp(draw.rng.uniform(*np.log(draw.breadth.period_hours)))
    unrest = draw.rng.uniform(0.0, 0.15)
    path, begin, teeth = np.empty(LENGTH), -int(draw.rng.integers(period * HOUR + 1)), []
    while begin < LENGTH:
        length = max(6, int(period * HOUR * (1 + unrest * draw.rng.uniform(-1, 1))))
        peak = top * (1 - 0.5 * unrest * draw.rng.uniform(0, 1))
        tooth = np.linspace(low, max(peak, low + 0.05), length)
        end = min(begin + length, LENGTH)
        if end > 0:
            path[max(begin, 0) : end] = tooth[max(-begin, 0) : end - begin]
        teeth.append((begin, begin + length))
        begin += length
    return path, teeth


def plateau_step(draw: Draw) -> Floats:
    """A deploy lifts the level, and it stays there."""
    base, step = draw.rng.uniform(0.2, 0.5), draw.uniform(draw.breadth.steps)
    at, ramp = draw.rng.integers(DAY, LENGTH - HOUR), draw.rng.choice([0.0, 0.0, 0.5, 1.0, 2.0])
    rise = np.clip((np.arange(LENGTH) - at) / max(1.0, ramp * HOUR), 0, 1)
    swing = draw.rng.choice([0.0, 0.08]) * daily(draw)
    return np.asarray(base + step * rise + swing)


def ou(draw: Draw) -> Floats:
    """Ornstein-Uhlenbeck: slow wandering around a level."""
    middle, spread, tau = draw.rng.uniform(0.3, 0.6), draw.rng.uniform(0.03, 0.1), draw.rng.uniform(4, 48)
    keep = np.exp(-1 / (tau * HOUR))
    shocks = draw.rng.normal(0, spread * np.sqrt(1 - keep**2), LENGTH)
    out, state = np.empty(LENGTH), float(draw.rng.normal(0, spread))
    for i, shock in enumerate(shocks.tolist()):
        state = keep * state + shock
        out[i] = state
    return middle + out


def bursty(draw: Draw) -> Floats:
    """Spikes of a sample."""
    base = draw.rng.uniform(0.2, 0.6)
    path = base + draw.rng.choice([0.0, 0.1]) * daily(draw)
    spikes = draw.rng.random(LENGTH) < draw.breadth.spikes
    return np.asarray(path + np.where(spikes, draw.rng.uniform(0.1, 0.6, LENGTH), 0))


def slow_ok(draw: Draw) -> Floats:
    """Grows so slowly that nothing comes of it."""
    growth = draw.uniform(draw.breadth.growth_per_hour)
    base = draw.rng.uniform(0.2, max(0.25, 0.85 - growth * 336))
    return np.asarray(base + growth * _HOURS + draw.rng.choice([0.0, 0.08]) * daily(draw))


def _climb(draw: Draw) -> tuple[Floats, float]:
    """Time since onset as a share of the time to the limit (0 before), and the level it starts from."""
    hours = draw.uniform(draw.breadth.hours_to_limit)
    earliest = 36 * HOUR
    draw.onset = int(draw.rng.integers(earliest, max(earliest + 1, LENGTH - int(hours * HOUR) - HOUR)))
    return np.maximum(0, (np.arange(LENGTH) - draw.onset) / (hours * HOUR)), draw.rng.uniform(0.2, 0.65)


def leak(draw: Draw) -> Floats:
    """A straight climb to the limit."""
    share, base = _climb(draw)
    return base + (1 - base) * share


def leak_season(draw: Draw) -> Floats:
    """A climb under a daily curve."""
    share, base = _climb(draw)
    swing = draw.rng.uniform(0.05, 0.3)
    base = min(base, 0.9 - swing)
    return base + swing * daily(draw) * weekdays(draw) + (1 - base - swing / 2) * share


def leak_accel(draw: Draw) -> Floats:
    """A climb that gets steeper."""
    share, base = _climb(draw)
    return base + (1 - base) * share ** draw.uniform(draw.breadth.accelerating)


def saw_stop(draw: Draw) -> Floats:
    """A sawtooth whose reset stops: the last tooth grows on, at its own pace, to the limit."""
    top, low = draw.uniform(draw.breadth.tops), draw.rng.uniform(0.1, 0.45)
    path, teeth = _teeth(draw, top, low)
    late = [end for begin, end in teeth if begin >= DAY and end < LENGTH - HOUR] or [LENGTH // 2]
    stop = int(draw.rng.choice(late))
    hours = draw.uniform(draw.breadth.hours_to_limit)
    ahead = np.arange(LENGTH - stop)
    path[stop:] = path[stop - 1] + (1 - path[stop - 1]) * ahead / (hours * HOUR)
    draw.onset = stop
    return path


def pool_step(draw: Draw) -> Floats:
    """Rises in steps, more or less evenly spaced and high."""
    share, base = _climb(draw)
    count, unrest = int(draw.rng.integers(4, 13)), draw.rng.uniform(0, 0.5)
    edges = (np.arange(count) + unrest * draw.rng.uniform(-1, 1, count)) / count
    edges = np.clip(edges + (1 - edges[-1]), 0, 1)
    heights = 1 + unrest * draw.rng.uniform(-1, 1, count)
    heights *= 1.02 / heights.sum()
    return np.asarray(
        base + (1 - base) * np.where((share[:, None] >= edges) & (share[:, None] > 0), heights, 0).sum(axis=1)
    )


def burst(draw: Draw) -> Floats:
    """Unforeseeable: a jump to the limit within the hour."""
    base = draw.rng.uniform(0.2, 0.7)
    draw.onset, draw.surprise = int(draw.rng.integers(36 * HOUR, LENGTH - HOUR)), True
    rise = np.clip((np.arange(LENGTH) - draw.onset) / draw.rng.uniform(1, HOUR), 0, 1)
    return np.asarray(base + (1.1 - base) * rise + draw.rng.choice([0.0, 0.1]) * daily(draw))


Family = Callable[[Draw], Floats]
HEALTHY: dict[str, Family] = {f.__name__: f for f in (season, sawtooth, plateau_step, ou, bursty, slow_ok)}
BREACHING: dict[str, Family] = {f.__name__: f for f in (leak, leak_season, leak_accel, saw_stop, pool_step, burst)}


def first_held(values: Floats) -> int:
    """The first of three consecutive samples at or over the limit; -1 where there is none."""
    over = values >= 1.0
    held = over[:-2] & over[1:-1] & over[2:]
    return int(np.argmax(held)) if held.any() else -1


_TRIES = 200


def one(name: str, family: Family, rng: Rng, breadth: Breadth, *, healthy: bool) -> tuple[Floats, int, int]:
    """One series of a family: values, onset, breach. Drawn anew until it does what its family promises.

    Raises:
        RuntimeError: when it never does.
    """
    for _ in range(_TRIES):
        draw = Draw(rng, breadth)
        values = np.maximum(family(draw) + noise(draw), 0.0)
        breach = first_held(values)
        if healthy and breach < 0:
            return values, -1, -1
        if not healthy and breach > draw.onset:
            values[breach + HELD :] = np.nan
            return values, -1 if draw.surprise else draw.onset, breach
    raise RuntimeError(f"family {name} gave no {'healthy' if healthy else 'breaching'} series in {_TRIES} tries")


def fold(
    count: int,
    seed: int,
    healthy: dict[str, Family] | None = None,
    breaching: dict[str, Family] | None = None,
    breadth: Breadth = STANDARD,
    breaching_share: float = 1 - HEALTHY_SHARE,
) -> Fold:
    """Some series, 80 % of them healthy unless said otherwise, families in turn.

    Args:
        count: how many.
        seed: of all chance in it.
        healthy: families to draw the healthy ones from; all public ones by default.
        breaching: families to draw the others from; all public ones by default.
        breadth: how wide parameters are drawn.
        breaching_share: share of series that head for a breach.
    """
    healthy, breaching = healthy or HEALTHY, breaching or BREACHING
    rng = np.random.default_rng(seed)
    good = round((1 - breaching_share) * count)
    names = [list(healthy)[i % len(healthy)] for i in range(good)]
    names += [list(breaching)[i % len(breaching)] for i in range(count - good)]
    rows = [
        one(name, (healthy | breaching)[name], child, breadth, healthy=i < good)
        for i, (name, child) in enumerate(zip(names, rng.spawn(count), strict=True))
    ]
    return Fold(
        values=np.stack([row[0] for row in rows]),
        onset=np.array([row[1] for row in rows]),
        breach=np.array([row[2] for row in rows]),
        family=np.array(names),
    )


def held_at(values: Floats) -> NDArray[np.bool_]:
    """Where a breach begins or goes on: at or over the limit for three samples, from the first of them on."""
    over = np.nan_to_num(values) >= 1.0
    ahead = np.pad(over, ((0, 0), (0, HELD - 1)))
    first = ahead[:, :-2] & ahead[:, 1:-1] & ahead[:, 2:]
    back = np.pad(first, ((0, 0), (HELD - 1, 0)))
    return np.asarray(back[:, 2:] | back[:, 1:-1] | back[:, :-2])


def joined(folds: Iterable[Fold]) -> Fold:
    """Folds as one."""
    several = list(folds)
    return replace(
        several[0],
        values=np.concatenate([one.values for one in several]),
        onset=np.concatenate([one.onset for one in several]),
        breach=np.concatenate([one.breach for one in several]),
        family=np.concatenate([one.family for one in several]),
    )
