"""Every error Vanguard raises on purpose, as one tree.

    VanguardError
    ├── SettingsError          a VANGUARD_* variable is missing or out of bounds
    ├── MetricsError           Prometheus did not give a whole, fresh answer
    │   └── QueryRefused       Prometheus answered, and refused the query itself
    ├── RecordingError         a recording cannot be read, written, or used for what is asked
    ├── DocumentError          a YAML document of a pattern, policy or object cannot be used
    ├── NotSent                a notifier did not take a message
    ├── RepositoryError        a git repository gave no answer, or one that says nothing of a push's fate
    │   ├── RepositoryRefused  it answered, and said no: for good, until a person mends it
    │   └── FileMoved          the file is not what the commit was made against: look again
    ├── RepositoryUnseen       nobody has looked at a repository lately: look, then come again
    └── ClusterError           the API server did not do what was asked
        ├── Forbidden          RBAC or an admission rule said no
        ├── NotFound           the object is not there
        ├── AlreadyExists      a create met an object of that name
        ├── Conflict           the object changed under us: look again
        ├── Invalid            the server refused the content, and says why
        ├── Disrupted          a PodDisruptionBudget does not let a pod go now
        └── Unavailable        no answer, or one that says nothing about the request's fate

Adapters translate their library's errors into these at the edge; nothing inside catches a client's own.
"""

from datetime import timedelta


class VanguardError(Exception):
    """The root: what went wrong, where, and what to do next, in one sentence for a person."""


class SettingsError(VanguardError):
    """A setting is missing or out of bounds; the message names the variable, the value and the bound."""


class MetricsError(VanguardError):
    """Prometheus gave no answer, or not a whole one. Nothing is known; nothing may be concluded."""


class QueryRefused(MetricsError):
    """Prometheus refused the query itself (a 4xx): the pattern's PromQL must be mended."""


class RecordingError(VanguardError):
    """A recording cannot be read or written, or does not hold what is asked of it; names file and fault."""


class DocumentError(VanguardError):
    """Documents cannot be used; one line each, naming file, object, field, value and bound."""


class NotSent(VanguardError):
    """A notifier did not take a message; the text names no secret. It may be tried again.

    Attributes:
        retry_after: how long the receiver asked to be left in peace; None when it did not say.
    """

    def __init__(self, told: str, retry_after: timedelta | None = None) -> None:
        """Say what went wrong.

        Args:
            told: for people, without any secret.
            retry_after: see the class.
        """
        super().__init__(told)
        self.retry_after = retry_after


class RepositoryError(VanguardError):
    """A git repository gave no answer: a push may or may not have happened. The text names no secret."""


class RepositoryRefused(RepositoryError):
    """The repository answered and said no: wrong credentials, no such branch, a protected branch."""


class FileMoved(RepositoryError):
    """The file is not what a commit was made against: somebody changed it since it was read."""


class RepositoryUnseen(VanguardError):
    """What is known of a repository is too old to be used where one must not wait for it.

    Attributes:
        repository: its name.
    """

    def __init__(self, repository: str) -> None:
        """Say which one has to be looked at.

        Args:
            repository: see the class.
        """
        super().__init__(f"repository {repository} was not looked at lately")
        self.repository = repository


class ClusterError(VanguardError):
    """The API server did not do what was asked."""


class Forbidden(ClusterError):
    """RBAC or an admission rule said no."""


class NotFound(ClusterError):
    """The object is not there."""


class AlreadyExists(ClusterError):
    """A create met an object of that name."""


class Conflict(ClusterError):
    """A guard did not hold: somebody changed the object since it was read."""


class Invalid(ClusterError):
    """The server refused the content and says why."""


class Disrupted(ClusterError):
    """A PodDisruptionBudget does not let a pod go now; later it may."""


class Unavailable(ClusterError):
    """No answer, a time-out or a 5xx: a write may or may not have happened."""
