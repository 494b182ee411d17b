"""Effectiveness: what verdicts teach about a remedy, on top of what was believed."""

from datetime import timedelta

from tests.domain import given as g
from vanguard.api.base import ActionType
from vanguard.api.pattern import Prior
from vanguard.domain.history import Outcome, Started
from vanguard.domain.learning import effectiveness_of

F, U, G, N = Outcome.FAILED, Outcome.UNMEASURED, Outcome.HELPED, Outcome.NOTHING


def tried(*outcomes: Outcome, pattern: str = "pool", action: ActionType = ActionType.TUNE_POOL) -> list[Started]:
    hour = timedelta(hours=1)
    return [g.started(n * hour, outcome=o, pattern=pattern, action=action) for n, o in enumerate(outcomes, 1)]


def percent(entries: list[Started], prior: Prior) -> int:
    return effectiveness_of(entries, "pool", ActionType.TUNE_POOL, prior).percent


@g.table(
    ("why", "outcomes", "prior", "expected"),
    [
        ("nothing is known", (), (0, 0), 50),
        ("only what was believed before", (), (19, 1), 95),
        ("a prior of nothing and one success", (G,), (0, 0), 100),
        ("failures pull a strong belief down slowly", (F, F), (19, 1), 86),
        ("and a weak one fast", (F, F), (1, 1), 25),
        ("what could not be measured teaches nothing", (U, N), (1, 1), 50),
        ("rounded down, never up", (G, G), (0, 1), 66),
    ],
)
def test_the_posterior(why: str, outcomes: tuple[Outcome, ...], prior: tuple[int, int], expected: int) -> None:
    assert percent(tried(*outcomes), Prior(successes=prior[0], failures=prior[1])) == expected, why


def test_only_the_same_patterns_same_action_teaches() -> None:
    others = tried(F, F, pattern="leak") + tried(F, F, action=ActionType.RESTART_ROLLOUT)
    assert percent(others, Prior(successes=1, failures=1)) == 50


def test_it_is_told_with_its_counts() -> None:
    known = effectiveness_of(tried(G, G, F), "pool", ActionType.TUNE_POOL, Prior(successes=3, failures=1))
    assert str(known) == "71 % (2 of 3 improved; believed before: 3 of 4)"
