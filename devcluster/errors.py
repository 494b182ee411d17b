"""What can go wrong in devcluster, told to a person: what, where, why, what next.

The command line prints these messages without a traceback; anything else that is raised is a
fault of ours.

    DevclusterError
    +-- BuildError       a toolchain is missing or a build went wrong
    +-- PartCrashedError       a server ended that should run; carries the last lines of its log
    +-- NotReadyError          a server runs but did not become ready in time
    +-- CommandError     kubectl, helm or promtool refused
"""


class DevclusterError(Exception):
    """A message for a person; the root of all that devcluster raises on purpose."""


class BuildError(DevclusterError):
    """The binaries could not be built."""


class PartCrashedError(DevclusterError):
    """A server that should be running has ended."""


class NotReadyError(DevclusterError):
    """A server runs, but did not get ready before its deadline."""


class CommandError(DevclusterError):
    """A command line tool ended with an error; the message holds what it said."""
