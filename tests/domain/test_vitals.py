"""The operator's senses: what each measurement says of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from tests.domain import given as g
from vanguard.domain.vitals import Name, Pulse, Scrapes, Vitals, judge

SECOND = timedelta(seconds=1)


def answer(
    *, ahead: float = 0, lag: float | None = 10, rules: float | None = 1, up: int = 9, down: int = 0
) -> tuple[tuple[Mapping[str, str], float], ...]:
    """What Prometheus says."""
    now = g.NOW.timestamp() + ahead
    told: list[tuple[Mapping[str, str], float]] = [({"vital": "now"}, now)]
    if lag is not None:
        told.append(({"vital": "newest"}, now - lag))
    if rules is not None:
        told.append(({"vital": "rules"}, rules))
    told += [({"vital": "scrapes", "up": value}, float(n)) for value, n in (("1", up), ("0", down)) if n]
    return tuple(told)


WELL = Pulse(g.NOW, answer(), "", g.NOW, g.NOW, timedelta(milliseconds=20))


@g.table(
    ("why", "pulse", "wrong"),
    [
        ("all is well", WELL, set()),
        ("Prometheus does not scrape itself", replace(WELL, prometheus=answer(rules=None)), set()),
        ("no answer", replace(WELL, prometheus=None, trouble="no answer"), {Name.PROMETHEUS}),
        ("an empty answer", replace(WELL, prometheus=()), {Name.HEAD}),
        ("no `up` series", replace(WELL, prometheus=answer(lag=None, up=0)), {Name.HEAD}),
        ("the newest scrape is 2 m old", replace(WELL, prometheus=answer(lag=120)), set()),
        ("the newest scrape is 121 s old", replace(WELL, prometheus=answer(lag=121)), {Name.HEAD}),
        ("rules just in time", replace(WELL, prometheus=answer(rules=5)), set()),
        ("rules are late", replace(WELL, prometheus=answer(rules=5.1)), {Name.RULES}),
        ("four in five scrapes", replace(WELL, prometheus=answer(up=8, down=2)), set()),
        ("three in four scrapes", replace(WELL, prometheus=answer(up=6, down=2)), {Name.SCRAPES}),
        ("two of three, too few to say", replace(WELL, prometheus=answer(up=2, down=1)), set()),
        ("Prometheus is 30 s ahead", replace(WELL, prometheus=answer(ahead=30)), set()),
        ("Prometheus is 31 s ahead", replace(WELL, prometheus=answer(ahead=31)), {Name.CLOCK}),
        ("Prometheus is 31 s behind", replace(WELL, prometheus=answer(ahead=-31)), {Name.CLOCK}),
        ("the server is 30 s behind", replace(WELL, server_time=g.NOW - 30 * SECOND), set()),
        ("the server is 31 s ahead", replace(WELL, server_time=g.NOW + 31 * SECOND), {Name.CLOCK}),
        ("the server does not say", replace(WELL, server_time=None), {Name.CLOCK}),
        ("the server answers in 2 s", replace(WELL, latency=2 * SECOND), set()),
        ("the server answers in more", replace(WELL, latency=2.1 * SECOND), {Name.API_LATENCY}),
    ],
)
def test_what_is_wrong(why: str, pulse: Pulse, wrong: set[Name]) -> None:
    vitals = judge(pulse)
    assert set(vitals.wrong) == wrong, why
    assert bool(vitals.trouble("shop")) is bool(wrong)


@g.table(
    ("why", "scrapes", "trouble"),
    [
        ("none of its own", {"bank": Scrapes(0, 9)}, False),
        ("all answer", {"shop": Scrapes(2, 2)}, False),
        ("one of two answers", {"shop": Scrapes(1, 2)}, True),
        ("four of five answer", {"shop": Scrapes(4, 5)}, False),
        ("none answers", {"shop": Scrapes(0, 1)}, True),
    ],
)
def test_a_namespace_is_seen_through_its_own_scrapes(why: str, scrapes: Mapping[str, Scrapes], trouble: bool) -> None:
    assert bool(Vitals(g.NOW, {}, scrapes).trouble("shop")) is trouble, why


def test_scrapes_are_counted_by_namespace() -> None:
    told = [
        ({"vital": "scrapes", "namespace": "shop", "up": "1"}, 3.0),
        ({"vital": "scrapes", "namespace": "shop", "up": "0"}, 1.0),
        ({"vital": "scrapes", "up": "1"}, 7.0),
    ]
    assert judge(replace(WELL, prometheus=(*answer(up=0), *told))).scrapes == {"shop": Scrapes(3, 4), "": Scrapes(7, 7)}
