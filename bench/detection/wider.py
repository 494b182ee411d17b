"""Families beside the public ones, for training: what else series do, so that the model learns no list by heart."""

import numpy as np

from bench.detection.families import DAY, HOUR, LENGTH, Draw, Family, Floats, daily, season, weekdays

_HOURS = np.arange(LENGTH) / HOUR
_STEPS = np.arange(LENGTH)


def _onset(draw: Draw, hours: float) -> int:
    earliest = 30 * HOUR
    draw.onset = int(draw.rng.integers(earliest, max(earliest + 1, LENGTH - int(hours * HOUR) - HOUR)))
    return draw.onset


def two_peaks(draw: Draw) -> Floats:
    """A morning and an evening peak."""
    base, one, two = draw.rng.uniform(0.1, 0.35), draw.rng.uniform(0.2, 0.5), draw.rng.uniform(0.2, 0.5)
    return base + np.maximum(one * daily(draw), two * daily(draw)) * weekdays(draw)


def batch(draw: Draw) -> Floats:
    """A job at the same time each day, that climbs while it runs and falls when it ends."""
    base, height = draw.rng.uniform(0.1, 0.4), draw.rng.uniform(0.2, 0.5)
    start, hours = draw.rng.uniform(0, 24), draw.rng.uniform(0.5, 8)
    into = (_HOURS - start) % draw.rng.choice([24.0, 24.0, 24.0, 12.0, 6.0])
    shape = np.where(into < hours, (into / hours) ** draw.rng.uniform(0.0, 1.5), 0)
    skipped = draw.rng.random(LENGTH // DAY + 2) < draw.rng.choice([0.0, 0.15])
    return np.asarray(base + height * shape * ~skipped[((_HOURS - start) // 24 + 1).astype(int)])


def warm_up(draw: Draw) -> Floats:
    """Deploys at random times, each followed by a climb that levels off."""
    top, low, tau = draw.rng.uniform(0.4, 0.9), draw.rng.uniform(0.05, 0.3), draw.rng.uniform(0.3, 8)
    starts = np.sort(draw.rng.integers(0, LENGTH, int(draw.rng.integers(1, 8))))
    since = np.full(LENGTH, 1e3)
    for start in starts:
        since[start:] = _HOURS[: LENGTH - start]
    return top - (top - low) * np.exp(-since / tau)


def cache_fill(draw: Draw) -> Floats:
    """Grows for a day or two and levels off below the limit."""
    base, top, tau = draw.rng.uniform(0.1, 0.4), draw.rng.uniform(0.5, 0.92), draw.rng.uniform(3, 24)
    start = draw.rng.integers(0, LENGTH)
    since = np.maximum(0, (_STEPS - start) / HOUR)
    return np.asarray(base + (top - base) * (1 - np.exp(-since / tau)) + draw.rng.choice([0.0, 0.06]) * daily(draw))


def irregular_gc(draw: Draw) -> Floats:
    """Climbs of chance lengths, slopes and tops, each given back at once."""
    path, at = np.empty(LENGTH), 0
    mean, low = draw.rng.uniform(2, 36), draw.rng.uniform(0.1, 0.4)
    top, spread = draw.rng.uniform(0.5, 0.85), draw.rng.uniform(0.05, 0.5)
    while at < LENGTH:
        length = max(6, int(draw.rng.gamma(4, mean / 4) * HOUR))
        height = (top - low) * (1 - spread * draw.rng.uniform(0, 1))
        end = min(LENGTH, at + length)
        bend = draw.rng.uniform(0.6, 1.4)
        path[at:end] = low + height * (np.arange(end - at) / length) ** bend
        at = end
    return path


def excursions(draw: Draw) -> Floats:
    """Now and then a rise of some hours that comes back by itself."""
    path = season(draw) * 0.6 if draw.rng.random() < 0.5 else np.full(LENGTH, draw.rng.uniform(0.2, 0.5))
    for _ in range(int(draw.rng.integers(1, 9))):
        at, rise, fall = draw.rng.integers(0, LENGTH), draw.rng.uniform(0.1, 8), draw.rng.uniform(0.1, 8)
        height = draw.rng.uniform(0.05, 0.95) * (0.95 - path.max())
        hours = (_STEPS - at) / HOUR
        path = path + height * np.clip(np.minimum(hours / rise, 1 - (hours - rise) / fall), 0, 1)
    return path


def mended(draw: Draw) -> Floats:
    """A leak that somebody mends before the limit."""
    hours, base, top = draw.rng.uniform(6, 96), draw.rng.uniform(0.2, 0.6), draw.rng.uniform(0.6, 0.9)
    top = max(top, base + 0.05)
    start = draw.rng.integers(0, LENGTH)
    share = (_STEPS - start) / (hours * HOUR)
    return base + np.where((share >= 0) & (share < 1), (top - base) * share, 0)


def close_to_it(draw: Draw) -> Floats:
    """Steady, near the limit."""
    return np.asarray(np.full(LENGTH, draw.rng.uniform(0.75, 0.93)) + draw.rng.choice([0.0, 0.03]) * (daily(draw) - 1))


def load_shift(draw: Draw) -> Floats:
    """A season whose height changes for good."""
    path, at = season(draw), draw.rng.integers(DAY, LENGTH)
    factor = draw.rng.uniform(0.5, 1.5)
    return np.where(at > _STEPS, path, path * min(factor, 0.9 / path.max()))


def stairs(draw: Draw) -> Floats:
    """Steps up and down between some levels."""
    edges = np.sort(draw.rng.integers(0, LENGTH, int(draw.rng.integers(1, 25))))
    levels = draw.rng.uniform(0.2, 0.9, len(edges) + 1)
    return np.asarray(levels[np.searchsorted(edges, _STEPS, side="right")])


def traffic(draw: Draw) -> Floats:
    """A skewed load: the exponential of a season and of slow chance."""
    keep, spread = np.exp(-1 / (draw.rng.uniform(0.5, 24) * HOUR)), draw.rng.uniform(0.1, 0.5)
    shocks, state, slow = draw.rng.normal(0, spread * np.sqrt(1 - keep**2), LENGTH), 0.0, np.empty(LENGTH)
    for i, shock in enumerate(shocks.tolist()):
        state = keep * state + shock
        slow[i] = state
    path = np.exp(draw.rng.uniform(0, 1.2) * daily(draw) * weekdays(draw) + slow)
    path += (draw.rng.random(LENGTH) < 0.002) * draw.rng.exponential(2, LENGTH)
    return np.asarray(path / path.max() * draw.rng.choice([1 / 1.05, 1 / 1.25, draw.rng.uniform(0.5, 0.9)]))


def intermittent(draw: Draw) -> Floats:
    """Next to nothing, and jobs at chance times, long or short, small or big, quiet or restless."""
    path, at = np.full(LENGTH, draw.rng.uniform(0, 0.1)), 0
    rest, work = np.exp(draw.rng.uniform(np.log(0.3), np.log(60))), np.exp(draw.rng.uniform(np.log(0.1), np.log(8)))
    top, alike = draw.rng.uniform(0.3, 0.95), draw.rng.uniform(0, 1)
    while at < LENGTH:
        at += 1 + int(draw.rng.exponential(rest) * HOUR)
        length = 1 + int(draw.rng.gamma(2, work / 2) * HOUR)
        height = top * (1 - alike * draw.rng.random())
        part = path[at : at + length]
        part += (height - part) * draw.rng.uniform(1 - 0.3 * alike, 1, len(part))
        at += length
    return path


def counts(draw: Draw) -> Floats:
    """A small number of things, such as a queue: whole numbers by chance around a level of the hour."""
    limit = draw.rng.integers(5, 200)
    level = draw.rng.uniform(0.02, 0.4) * limit * (1 + draw.rng.uniform(0, 1) * daily(draw) * weekdays(draw))
    return np.minimum(draw.rng.poisson(level), np.round(0.93 * limit)) / limit


def restarted_leak(draw: Draw) -> Floats:
    """A leak that restarts hide, until there is none in time."""
    hours, base = draw.uniform(draw.breadth.hours_to_limit), draw.rng.uniform(0.1, 0.4)
    path, at = np.empty(LENGTH), 0
    last = _onset(draw, hours)
    while at < last:
        end = min(last, at + max(HOUR, int(draw.rng.uniform(0.15, 0.85) * hours * HOUR)))
        path[at:end] = base + (1 - base) * np.arange(end - at) / (hours * HOUR)
        at = end
    path[last:] = base + (1 - base) * np.arange(LENGTH - last) / (hours * HOUR)
    return path


def season_grows(draw: Draw) -> Floats:
    """A season on growing ground: the limit is met at a peak."""
    hours = draw.rng.uniform(24, 96)
    start, path = _onset(draw, hours), season(draw)
    return np.asarray(path + np.maximum(0, _STEPS - start) / (hours * HOUR) * (1.02 - path.min()))


def slowing_leak(draw: Draw) -> Floats:
    """A climb that slows, and still gets there."""
    hours, base = draw.uniform(draw.breadth.hours_to_limit), draw.rng.uniform(0.2, 0.6)
    share = np.maximum(0, (_STEPS - _onset(draw, hours)) / (hours * HOUR))
    return base + (1 - base) * share ** draw.rng.uniform(0.55, 0.95)


def noisy_leak(draw: Draw) -> Floats:
    """A leak in a wandering or teethed signal."""
    hours = draw.uniform(draw.breadth.hours_to_limit)
    share = np.maximum(0, (_STEPS - _onset(draw, hours)) / (hours * HOUR))
    period, height = draw.rng.uniform(0.5, 8) * HOUR, draw.rng.uniform(0.03, 0.2)
    base = draw.rng.uniform(0.2, 0.5)
    return base + height * (_STEPS % period) / period + (1 - base - height / 2) * share


def step_then_leak(draw: Draw) -> Floats:
    """A deploy lifts the level, and it leaks from then on."""
    hours, base = draw.uniform(draw.breadth.hours_to_limit), draw.rng.uniform(0.2, 0.5)
    since = (_STEPS - _onset(draw, hours)) / (hours * HOUR)
    step = draw.rng.uniform(0.0, 0.3)
    return base + np.where(since >= 0, step + (1 - base - step) * since, 0)


def uneven_steps(draw: Draw) -> Floats:
    """Steps of chance heights at chance times."""
    hours, base = draw.uniform(draw.breadth.hours_to_limit), draw.rng.uniform(0.2, 0.65)
    share = np.maximum(0, (_STEPS - _onset(draw, hours)) / (hours * HOUR))
    count = int(draw.rng.integers(4, 13))
    edges = np.append(np.sort(draw.rng.uniform(0, 1, count - 1)), 1.0)
    heights = draw.rng.uniform(0.5, 1.5, count)
    heights *= 1.02 / heights.sum()
    return np.asarray(base + (1 - base) * np.where(share[:, None] >= edges, heights, 0).sum(axis=1))


HEALTHY: dict[str, Family] = {
    f.__name__: f
    for f in (
        two_peaks,
        batch,
        warm_up,
        cache_fill,
        irregular_gc,
        excursions,
        mended,
        close_to_it,
        load_shift,
        stairs,
        traffic,
        intermittent,
        counts,
    )
}
BREACHING: dict[str, Family] = {
    f.__name__: f for f in (restarted_leak, season_grows, slowing_leak, noisy_leak, step_then_leak, uneven_steps)
}
