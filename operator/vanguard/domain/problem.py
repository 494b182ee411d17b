"""Why something cannot be obeyed: a reason and a sentence for whoever can mend it."""

from dataclasses import dataclass

from vanguard.api.reasons import Reason


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    reason: Reason
    message: str
