"""Our mark on a commit: two trailers, from which anybody can tell whose it is and what it does."""

from vanguard.api.intervention import CommitPurpose

_INTERVENTION = "Vanguard-Intervention"
_WRITE = "Vanguard-Write"


def signed(message: str, intervention: str, purpose: CommitPurpose) -> str:
    """A message with our trailers at its end."""
    return f"{message.rstrip()}\n\n{_INTERVENTION}: {intervention}\n{_WRITE}: {purpose}\n"


def signature(message: str) -> tuple[str, CommitPurpose] | None:
    """Whose commit it is and what it does; None for one that is not ours.

    Only the last paragraph counts, as git has it: a message that quotes another is no mark.
    """
    last = message.rstrip().rsplit("\n\n", 1)[-1]
    trailers = dict(line.split(": ", 1) for line in last.splitlines() if ": " in line)
    whose, what = trailers.get(_INTERVENTION), trailers.get(_WRITE)
    return (whose, CommitPurpose(what)) if whose and what in set(CommitPurpose) else None
