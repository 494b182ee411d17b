"""What this series usually does: at this time of day, and after climbs like this one."""

import numpy as np
from numpy.typing import NDArray

from vanguard.domain.features.frame import Columns, Frame, lowest_before, squash
from vanguard.domain.past import BLOCKS, DAY_BLOCKS, Bools, Singles

CLOCK = {
    "clock_4h": "what the next 4 hours usually add at this time of day",
    "clock_12h": "what the next 12 hours usually add at this time of day",
    "clock_12h_yesterday": "what the same 12 hours added yesterday",
    "clock_8h_yesterday": "what the same 8 hours added yesterday",
    "clock_12h_most": "the most the same 12 hours added on an earlier day",
    "clock_8h_most": "the most the same 8 hours added on an earlier day",
    "clock_12h_least": "the least the same 12 hours added on an earlier day",
    "clock_4h_least": "the least the same 4 hours added on an earlier day",
    "clock_level": "now against the usual level at this time, in its usual spread",
    "clock_level_highest": "now against the highest earlier level at this time",
    "beyond_clock_3h": "the climb of the last 3 hours beyond the usual one at this time",
    "beyond_clock_12h": "the climb of the last 12 hours beyond the usual one at this time",
    "beyond_clock_12h_sure": "the same in its usual spread",
    "beyond_clock_6h_most": "the climb of the last 6 hours beyond the biggest earlier one at this time",
    "beyond_clock_12h_most": "the climb of the last 12 hours beyond the biggest earlier one at this time",
    "since_yesterday": "now against the same time yesterday",
    "yesterday_since": "yesterday at this time against the day before",
    "since_last_week": "now against the same time a week ago",
}
RESETS = {
    "biggest_fall": "the biggest fall within an hour of the last 8 days",
    "deepest_decline": "the deepest decline within 12 hours of the last 8 days",
    "mean_top": "the mean level big falls began from",
    "overdue": "the time since the last big fall against the usual time between them (logarithm)",
    "overdue_most": "the same against the longest time between them (logarithm)",
    "earlier_climb_6h": "the biggest earlier climb within 6 hours",
    "earlier_climb_1d": "the biggest earlier climb within a day",
    "against_earlier_climb_1d": "the climb within the last day against the biggest earlier one (logarithm)",
    "like_earlier_climbs_12h": "how often there was as big a climb within 12 hours before",
}
_DAYS = np.arange(1, 8)
_AHEAD = 24  # half hours


def clock(frame: Frame) -> Columns:
    """See CLOCK."""
    days = _Days.of(frame)
    rises = days.rises
    anchors = days.anchors
    out: Columns = {
        "clock_12h_yesterday": squash(rises[24][:, 0]),
        "clock_8h_yesterday": squash(rises[16][:, 0]),
        "since_yesterday": squash(_pair(frame, 0) - _pair(frame, DAY_BLOCKS)),
        "yesterday_since": squash(_pair(frame, DAY_BLOCKS) - _pair(frame, 2 * DAY_BLOCKS)),
        "since_last_week": squash(_pair(frame, 0) - _pair(frame, 7 * DAY_BLOCKS)),
    }
    for name, ahead, which in (
        ("clock_4h", 8, "middle"),
        ("clock_12h", 24, "middle"),
        ("clock_12h_most", 24, "most"),
        ("clock_8h_most", 16, "most"),
        ("clock_12h_least", 24, "least"),
        ("clock_4h_least", 8, "least"),
    ):
        out[name] = squash(getattr(days, which)(rises[ahead]))
    small = frame.noise + np.float32(1e-3)
    usual = days.middle(anchors)
    out["clock_level"] = squash(-usual / (days.apart(anchors, usual) + small))
    out["clock_level_highest"] = squash(-days.most(anchors))
    for name, back in (("3h", 6), ("6h", 12), ("12h", 24)):
        climbs = anchors - days.earlier(frame, back)
        now = frame.smooth[:, -1] - frame.smooth[:, -1 - back]
        usual = days.middle(climbs)
        if name != "6h":
            out[f"beyond_clock_{name}"] = squash(now - usual)
        if name != "3h":
            out[f"beyond_clock_{name}_most"] = squash(now - days.most(climbs))
        if name == "12h":
            out["beyond_clock_12h_sure"] = squash((now - usual) / (days.apart(climbs, usual) + small))
    return out


def _pair(frame: Frame, back: int) -> Singles:
    """The mean of two half hours that end some half hours ago."""
    return np.asarray(frame.smooth[:, BLOCKS - 1 - back])


class _Days:
    """The seven days before, at this time of day; those that are not known left out."""

    def __init__(self, anchors: Singles, rises: dict[int, Singles], known: Bools) -> None:
        self.anchors, self.rises, self._known = anchors, rises, known
        self._count = known.sum(axis=1)
        self._rows = np.arange(len(known))

    @classmethod
    def of(cls, frame: Frame) -> "_Days":
        at = BLOCKS - 1 - DAY_BLOCKS * _DAYS
        anchors = frame.smooth[:, at]
        paths = np.stack([frame.smooth[:, a + 1 : a + 1 + _AHEAD].T for a in at], axis=2)  # [ahead, series, days]
        highest, rises = np.maximum.accumulate(paths, axis=0), {}
        for ahead in (8, 16, 24):
            rises[ahead] = highest[ahead - 1] - anchors
        if not frame.gappy:
            return cls(anchors, rises, np.ones(anchors.shape, bool))
        seen = np.cumsum(np.pad(frame.gaps, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
        known = seen[:, at + _AHEAD] - seen[:, np.maximum(at - _AHEAD, 0)] == 0
        return cls(anchors, rises, known)

    def earlier(self, frame: Frame, back: int) -> Singles:
        """The level some half hours before this time of each day."""
        return frame.smooth[:, np.maximum(BLOCKS - 1 - DAY_BLOCKS * _DAYS - back, 0)]

    def _ordered(self, values: Singles) -> Singles:
        return np.sort(np.where(self._known, values, np.float32(np.inf)), axis=1)

    def _at(self, ordered: Singles, place: NDArray[np.int64]) -> Singles:
        found = ordered[self._rows, np.maximum(place, 0)]
        return np.where(self._count > 0, found, np.float32(0))

    def middle(self, values: Singles) -> Singles:
        """The median over the known days; 0 where there is none. [series, 7] -> [series]."""
        ordered, last = self._ordered(values), self._count - 1
        return np.asarray((self._at(ordered, last // 2) + self._at(ordered, (last + 1) // 2)) / 2)

    def most(self, values: Singles) -> Singles:
        """The highest over the known days."""
        return self._at(self._ordered(values), self._count - 1)

    def least(self, values: Singles) -> Singles:
        """The lowest over the known days."""
        return self._at(self._ordered(values), np.zeros(len(values), np.int64))

    def apart(self, values: Singles, middle: Singles) -> Singles:
        """The median distance from the middle over the known days."""
        return self._at(self._ordered(np.abs(values - middle[:, None])), (self._count - 1) // 2)


def resets(frame: Frame) -> Columns:
    """See RESETS."""
    blocks = frame.blocks
    falls = blocks[:, :-2] - np.minimum(blocks[:, 1:-1], blocks[:, 2:])
    if frame.gappy:
        falls = np.where(frame.gaps[:, :-2], np.float32(0), falls)
    biggest = falls.max(axis=1)
    return {
        "biggest_fall": squash(biggest),
        **_rhythm(frame, falls, biggest),
        **_climbs(frame),
    }


def _rhythm(frame: Frame, falls: Singles, biggest: Singles) -> Columns:
    """Falls of at least half the biggest: from how high, how often, and whether the next is overdue."""
    big = falls > np.maximum(biggest / 2, 3 * frame.noise + np.float32(0.02))[:, None]
    starts = big.copy()
    starts[:, 1:] &= ~big[:, :-1]
    rows, places = np.nonzero(starts)
    count = np.bincount(rows, minlength=len(frame))
    none, width = count == 0, falls.shape[1]
    first, last, longest = np.zeros(len(frame)), np.zeros(len(frame)), np.zeros(len(frame))
    top = np.bincount(rows, weights=frame.blocks[rows, places], minlength=len(frame)) / np.maximum(count, 1)
    first[rows[::-1]] = places[::-1]
    last[rows] = places
    between = np.diff(places)
    same = rows[1:] == rows[:-1]
    np.maximum.at(longest, rows[1:][same], between[same])
    since = np.where(none, 400.0, width + 1 - last)
    several = count > 1
    usual = np.where(several, (last - first) / np.maximum(count - 1, 1), 400.0)
    return {
        "mean_top": squash(np.where(none, 0, top)),
        "overdue": np.log(since / np.maximum(usual, 1)),
        "overdue_most": np.log(since / np.maximum(np.where(several, longest, 400.0), 1)),
    }


def _climbs(frame: Frame) -> Columns:
    blocks, out = frame.blocks, {}
    small = np.float32(0.02)
    declines = lowest_before(-blocks, 25)[:, 24:] + blocks[:, 24:]
    out["deepest_decline"] = squash(-_known(frame, declines, 24).min(axis=1))
    for count in (12, 24, 48):
        climb = blocks - lowest_before(blocks, count + 1)
        now, earlier = climb[:, -1], _known(frame, climb[:, count:-count], count)
        if count == 24:  # noqa: PLR2004 - twelve hours
            out["like_earlier_climbs_12h"] = (earlier >= np.float32(0.8) * now[:, None]).mean(axis=1)
            continue
        most = earlier.max(axis=1)
        out["earlier_climb_6h" if count == 12 else "earlier_climb_1d"] = squash(most)  # noqa: PLR2004 - six hours
        if count == DAY_BLOCKS:
            out["against_earlier_climb_1d"] = np.log((now + small) / (most + small))
    return out


def _known(frame: Frame, values: Singles, first: int) -> Singles:
    """0 where the half hour is filled; values begin at half hour `first`."""
    if not frame.gappy:
        return values
    return np.where(frame.gaps[:, first : first + values.shape[1]], np.float32(0), values)
