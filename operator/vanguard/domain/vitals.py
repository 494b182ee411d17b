"""The operator's own senses: is what it sees, and when it believes to see it, to be trusted?

Judged once per detection cycle. What is wrong here starts nothing; running watches are judged by their own data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vanguard.durations import format_duration

SCRAPED_PERCENT = 80
# Of fewer targets in the whole cluster a share says little; the samples' own age is judged in any case.
_FEWEST_TARGETS = 5
_HEAD_LAG = timedelta(minutes=2)
_RULE_INTERVALS = 5.0
_SLOW = timedelta(seconds=2)
_APART = timedelta(seconds=30)

# One query, so that all of it is of one moment: Prometheus' time, its newest scrape, how many of their own intervals
# nine of ten rule groups are behind (absent where Prometheus does not scrape itself), and the scrapes by outcome.
QUERY = (
    'label_replace(vector(time()), "vital", "now", "", "")'
    ' or label_replace(max(timestamp(up)), "vital", "newest", "", "")'
    " or label_replace(quantile(0.9, (time() - (prometheus_rule_group_last_evaluation_timestamp_seconds > 0))"
    ' / prometheus_rule_group_interval_seconds), "vital", "rules", "", "")'
    ' or label_replace(count_values by (namespace) ("up", up), "vital", "scrapes", "", "")'
)


class Name(StrEnum):
    """What is looked at; the label of the metric vanguard_vital."""

    PROMETHEUS = "prometheus"
    SCRAPES = "scrapes"
    HEAD = "head"
    RULES = "rules"
    API_LATENCY = "api-latency"
    CLOCK = "clock"


@dataclass(frozen=True)
class Scrapes:
    """How many of a namespace's scrape targets there are, and how many answered."""

    up: int
    all: int

    @property
    def percent(self) -> int:
        """Of those that answered."""
        return 100 * self.up // self.all if self.all else 0


@dataclass(frozen=True)
class Pulse:
    """What was measured.

    Attributes:
        at: own time when Prometheus was asked.
        prometheus: what it answered to `QUERY`, labels and value; None when it gave no whole answer.
        trouble: why it did not.
        server_time: the API server's, None where it does not say, and
        own_time: own time at that moment.
        latency: of the recent requests to the API server, their median.
    """

    at: datetime
    prometheus: tuple[tuple[Mapping[str, str], float], ...] | None
    trouble: str
    server_time: datetime | None
    own_time: datetime
    latency: timedelta


@dataclass(frozen=True)
class Vitals:
    """What is wrong, by what was looked at; and the scrapes of each namespace.

    Attributes:
        at: when it was looked at.
        wrong: a sentence for each vital that is not as it should be.
    """

    at: datetime
    wrong: Mapping[Name, str]
    scrapes: Mapping[str, Scrapes]

    def trouble(self, namespace: str) -> str:
        """Why nothing may start in a namespace; empty when all is well.

        A namespace without scrape targets of its own is seen through others (kube-state-metrics, cAdvisor), for which
        the whole cluster's scrapes speak.
        """
        own = self.scrapes.get(namespace)
        known = list(self.wrong.values())
        if own is not None and own.percent < SCRAPED_PERCENT:
            known.append(f"{own.up} of {own.all} scrape targets in namespace {namespace} answer; 80 % are needed")
        return "; ".join(known)


def judge(pulse: Pulse) -> Vitals:
    """What the measurements say."""
    wrong = dict(_of_the_server(pulse))
    if pulse.prometheus is None:
        return Vitals(pulse.at, wrong | {Name.PROMETHEUS: pulse.trouble[:300]}, {})
    told = {labels.get("vital", ""): value for labels, value in pulse.prometheus if labels.get("vital") != "scrapes"}
    scrapes = _scrapes(pulse.prometheus)
    return Vitals(pulse.at, wrong | dict(_of_prometheus(pulse, told, scrapes.values())), scrapes)


def _of_the_server(pulse: Pulse) -> Iterable[tuple[Name, str]]:
    if pulse.latency > _SLOW:
        seconds = pulse.latency.total_seconds()
        yield Name.API_LATENCY, f"half of the API server's recent answers took {seconds:.1f} s or more; 2 s are allowed"
    if pulse.server_time is None:
        yield Name.CLOCK, "the API server does not say what time it is"
    else:
        yield from _apart("the API server", pulse.server_time, pulse.own_time)


def _of_prometheus(pulse: Pulse, told: Mapping[str, float], scrapes: Iterable[Scrapes]) -> Iterable[tuple[Name, str]]:
    now, newest, rules = told.get("now"), told.get("newest"), told.get("rules", 0.0)
    if now is not None:
        yield from _apart("Prometheus", datetime.fromtimestamp(now, tz=pulse.at.tzinfo), pulse.at)
    if now is None or newest is None:
        yield Name.HEAD, "Prometheus has no `up` series, so nobody can tell whether it scrapes at all"
    elif now - newest > _HEAD_LAG.total_seconds():
        yield (
            Name.HEAD,
            f"Prometheus' newest scrape is {now - newest:.0f} s old; {format_duration(_HEAD_LAG)} are allowed",
        )
    if rules > _RULE_INTERVALS:
        yield Name.RULES, f"Prometheus' rules are {rules:.1f} intervals behind; {_RULE_INTERVALS:.0f} are allowed"
    known = list(scrapes)
    whole = Scrapes(sum(one.up for one in known), sum(one.all for one in known))
    if whole.all >= _FEWEST_TARGETS and whole.percent < SCRAPED_PERCENT:
        yield Name.SCRAPES, f"{whole.up} of {whole.all} scrape targets of Prometheus answer; 80 % are needed"


def _apart(whose: str, theirs: datetime, ours: datetime) -> Iterable[tuple[Name, str]]:
    gap = abs(theirs - ours)
    if gap > _APART:
        yield (
            Name.CLOCK,
            f"the clocks of {whose} and the operator are {gap.total_seconds():.0f} s apart; 30 s are allowed",
        )


def _scrapes(answer: Iterable[tuple[Mapping[str, str], float]]) -> Mapping[str, Scrapes]:
    out: dict[str, Scrapes] = {}
    for labels, value in answer:
        if labels.get("vital") == "scrapes":
            known = out.get(labels.get("namespace", ""), Scrapes(0, 0))
            up = int(value) if labels.get("up") == "1" else 0
            out[labels.get("namespace", "")] = Scrapes(known.up + up, known.all + int(value))
    return out
