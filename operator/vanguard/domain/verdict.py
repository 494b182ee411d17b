"""Verdicts: did it help? A rank test with a least effect and a direction, not a fixed threshold.

Samples are compared by the Mann-Whitney U test (normal approximation with tie correction), the size of the shift
by Cliff's delta and by the change of the median. All three must agree before anything is called better or worse.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from vanguard.api.intervention import Comparison, Verdict
from vanguard.api.pattern import Direction
from vanguard.domain.past import Floats

ALPHA = 0.05
# |delta| >= 0.33 is a medium effect (Romano et al. 2006).
MEDIUM_DELTA = 0.33
MIN_SAMPLES = 5
# A look amid the watch is one of many, so it asks for more than the one at the end. Shared among the queries and
# one-sided, 15 looks give at most 0.75 % false alarms a watch (Bonferroni; less, as looks overlap and two in a row must
# agree). With delta 0.6 the effect is large (Romano et al. 2006: from 0.47). The tests simulate it.
EARLY_ALPHA = 0.001
EARLY_DELTA = 0.6
EARLY_SAMPLES = 8
_MAX_INFLATION = 4.0
_MAX_PERCENT = 9999.0


@dataclass(frozen=True)
class RankTest:
    """Two-sided p-value, and delta in [-1, 1]: the share of pairs where `after` is larger less where it is smaller."""

    p_value: float
    delta: float


def rank_test(before: Floats, after: Floats) -> RankTest:
    """Mann and Whitney (1947), normal approximation with the tie correction of Lehmann (1975).

    Samples closer together than scrapes repeat themselves and would count twice; the variance is inflated by how
    often neighbours are equal, at most fourfold.
    """
    n, m = before.size, after.size
    larger = (after[:, None] > before[None, :]).sum()
    smaller = (after[:, None] < before[None, :]).sum()
    delta = float(larger - smaller) / (n * m)
    _, ties = np.unique(np.concatenate([before, after]), return_counts=True)
    total = n + m
    variance = n * m / 12 * ((total + 1) - (ties**3 - ties).sum() / (total * (total - 1)))
    variance *= max(_inflation(before), _inflation(after))
    if variance <= 0:
        return RankTest(1.0, delta)
    z = max(abs(delta) * n * m / 2 - 0.5, 0.0) / math.sqrt(variance)
    return RankTest(math.erfc(z / math.sqrt(2)), delta)


def _inflation(values: Floats) -> float:
    runs = 1 + int(np.count_nonzero(np.diff(values)))
    return min(_MAX_INFLATION, values.size / runs)


def stuck(before: Floats, after: Floats) -> bool:
    """Whether a value that used to move stands still to the end: more likely a stuck exporter than peace."""
    moved = 1 + np.count_nonzero(np.diff(before)) > before.size / 2
    tail = _tail(after)
    return bool(after.size >= MIN_SAMPLES and moved and np.all(tail == tail[0]))


def _tail(after: Floats) -> Floats:
    """The second half, at least as many samples as a judgement needs."""
    return after[-max(MIN_SAMPLES, after.size // 2) :]


def _at_its_best(before: Floats, after: Floats, harm: Direction) -> bool:
    still = _tail(after)
    return bool(still.max() <= before.min() if harm is Direction.RISING else still.min() >= before.max())


def compare(
    name: str,
    before: Sequence[Decimal],
    after: Sequence[Decimal],
    *,
    harm: Direction,
    min_better_percent: float,
    min_worse_percent: float,
    guard: bool = False,
) -> Comparison:
    """Judge one query.

    Args:
        name: the query's name.
        before: samples of the baseline.
        after: samples of the watch.
        harm: the direction that is worse.
        min_better_percent: least change of the median, in percent, that counts as an improvement.
        min_worse_percent: the same for a worsening.
        guard: whether the query only vetoes: one that stands still at its best (no errors at all) is at peace, where
            a signal that stands still may be an exporter that is stuck.
    """
    old, new = np.array([float(v) for v in before]), np.array([float(v) for v in after])
    if min(old.size, new.size) < MIN_SAMPLES:
        return Comparison(
            name=name,
            verdict=Verdict.INCONCLUSIVE,
            message=f"{old.size} samples before and {new.size} after; {MIN_SAMPLES} are needed of each",
        )
    if stuck(old, new) and not (guard and _at_its_best(old, new, harm)):
        return Comparison(
            name=name,
            verdict=Verdict.INCONCLUSIVE,
            message=f"the value stands still at {new[-1]:g}",
        )
    test = rank_test(old, new)
    was, now = float(np.median(old)), float(np.median(new))
    percent = _percent(was, now)
    worse = percent if harm is Direction.RISING else -percent
    towards_harm = test.delta if harm is Direction.RISING else -test.delta
    verdict = _judge(test.p_value, towards_harm, worse, min_better_percent, min_worse_percent)
    return Comparison(
        name=name,
        verdict=verdict,
        before=as_decimal(was),
        after=as_decimal(now),
        change_percent=as_decimal(percent, 1),
        p_value=as_decimal(test.p_value, 9),
        delta=as_decimal(test.delta, 3),
        samples=new.size,
        message=f"median {was:.4g} -> {now:.4g} ({percent:+.1f} %), p = {test.p_value:.2g}, delta = {test.delta:+.2f}",
    )


def _judge(p_value: float, towards_harm: float, worse: float, min_better: float, min_worse: float) -> Verdict:
    if p_value >= ALPHA or abs(towards_harm) < MEDIUM_DELTA:
        return Verdict.NEUTRAL
    if towards_harm > 0 and worse >= min_worse:
        return Verdict.DEGRADED
    if towards_harm < 0 and -worse >= min_better:
        return Verdict.IMPROVED
    return Verdict.NEUTRAL


def _percent(was: float, now: float) -> float:
    """Change in percent of what was; from nothing, all the way to the bound."""
    if was == 0:
        return 0.0 if now == 0 else math.copysign(_MAX_PERCENT, now)
    return max(-_MAX_PERCENT, min(_MAX_PERCENT, 100 * (now - was) / abs(was)))


def overall(target: Comparison | None, guards: Iterable[Comparison]) -> Verdict:
    """One verdict: a guard that got worse vetoes; what could not be measured is not success."""
    everything = [target.verdict if target else Verdict.INCONCLUSIVE, *(guard.verdict for guard in guards)]
    for decisive in (Verdict.DEGRADED, Verdict.INCONCLUSIVE):
        if decisive in everything:
            return decisive
    return everything[0]


def clear_harm(last: Iterable[Comparison], this: Iterable[Comparison]) -> tuple[Comparison, ...]:
    """What got so much worse that the end of the watch need not be waited for.

    Args:
        last: the comparisons of the look before this one, in the same watch.
        this: those of this look.

    Returns:
        Of this look those that pass the stricter test and were worse at the last look already.
    """
    before = {seen.name for seen in last if seen.verdict is Verdict.DEGRADED}
    compared = tuple(this)
    alpha = EARLY_ALPHA / max(len(compared), 1)
    return tuple(seen for seen in compared if seen.name in before and _clearly_worse(seen, alpha))


def _clearly_worse(seen: Comparison, alpha: float) -> bool:
    if seen.verdict is not Verdict.DEGRADED or seen.p_value is None or seen.delta is None or seen.samples is None:
        return False
    return seen.p_value < alpha and abs(seen.delta) >= EARLY_DELTA and seen.samples >= EARLY_SAMPLES


def significant(value: float) -> Decimal:
    """A float as a decimal of six significant digits."""
    return as_decimal(float(f"{value:.6g}"), 9)


def as_decimal(value: float, digits: int = 6) -> Decimal:
    """A float as a decimal with so many digits behind the point; large values lose the fraction they never had."""
    return Decimal(f"{max(-1e14, min(1e14, value)):.{digits}f}").normalize() + 0


def figures(seen: Iterable[Comparison]) -> str:
    """What each comparison says, in one line."""
    return "; ".join(f"{one.name}: {one.message}" for one in seen)
