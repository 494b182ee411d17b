"""Effectiveness: how often a remedy helped, folded from verdicts, on top of what was believed before.

The mean of a Beta posterior: (prior successes + Improved) / (all of the prior + Improved + not improved). What could
not be measured, or was stopped by a person, teaches nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from vanguard.api.base import ActionType
from vanguard.api.pattern import Prior
from vanguard.domain.history import Outcome, Started


@dataclass(frozen=True)
class Effectiveness:
    """What is believed of a remedy.

    Attributes:
        improved: verdicts Improved.
        failed: verdicts that are not, Neutral among them.
        prior: what was believed before.
    """

    improved: int
    failed: int
    prior: Prior

    @property
    def percent(self) -> int:
        """The posterior's mean, rounded down; 50 where nothing at all is known."""
        good = self.improved + self.prior.successes
        everything = good + self.failed + self.prior.failures
        return 100 * good // everything if everything else 50

    def __str__(self) -> str:
        return (
            f"{self.percent} % ({self.improved} of {self.improved + self.failed} improved; believed before: "
            f"{self.prior.successes} of {self.prior.successes + self.prior.failures})"
        )


def effectiveness_of(started: Iterable[Started], pattern: str, action: ActionType, prior: Prior) -> Effectiveness:
    """Fold the outcomes of one pattern's remedy, wherever it was tried.

    Args:
        started: every retained Intervention that was admitted, of all namespaces.
        pattern: the pattern's name.
        action: its action; a pattern that changed its remedy starts anew.
        prior: what is believed before.
    """
    own = [entry.outcome for entry in started if entry.pattern == pattern and entry.action is action]
    return Effectiveness(own.count(Outcome.HELPED), own.count(Outcome.FAILED), prior)
