"""The phases of an Intervention and the moves between them, as data."""

from vanguard.api.intervention import Phase

DECIDING = frozenset({Phase.PENDING, Phase.AWAITING_APPROVAL})
IN_FLIGHT = frozenset({Phase.BASELINING, Phase.APPLYING, Phase.MONITORING, Phase.ROLLING_BACK})
TERMINAL = frozenset({Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.FAILED, Phase.REJECTED, Phase.OBSERVED})

TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.PENDING: frozenset({Phase.AWAITING_APPROVAL, Phase.BASELINING, Phase.REJECTED, Phase.OBSERVED}),
    Phase.AWAITING_APPROVAL: frozenset({Phase.PENDING, Phase.BASELINING, Phase.REJECTED, Phase.OBSERVED}),
    Phase.BASELINING: frozenset({Phase.APPLYING, Phase.REJECTED}),
    Phase.APPLYING: frozenset({Phase.MONITORING, Phase.ROLLING_BACK, Phase.REJECTED, Phase.FAILED}),
    Phase.MONITORING: frozenset({Phase.SUCCEEDED, Phase.ROLLING_BACK, Phase.FAILED}),
    Phase.ROLLING_BACK: frozenset({Phase.ROLLED_BACK, Phase.FAILED}),
    # A person may ask to undo a change that was kept, or its lease may end.
    Phase.SUCCEEDED: frozenset({Phase.ROLLING_BACK}),
    Phase.ROLLED_BACK: frozenset(),
    Phase.FAILED: frozenset(),
    Phase.REJECTED: frozenset(),
    Phase.OBSERVED: frozenset(),
}
