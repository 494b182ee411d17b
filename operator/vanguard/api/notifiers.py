"""The notifiers file: who is told what, and where. Secrets stand in files of their own, named here, never in it."""

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Self

from pydantic import Field, model_validator

from vanguard.api.base import Model, Name, Notification

Url = Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$")]
FilePath = Annotated[str, Field(min_length=1, max_length=1024)]


class NotifierType(StrEnum):
    """What a notifier speaks."""

    LOG = "Log"
    SLACK = "Slack"
    GITHUB_ISSUE = "GitHubIssue"
    PAGERDUTY = "PagerDuty"
    WEBHOOK = "Webhook"


# Per type, the fields it needs; a tuple of several means exactly one of them.
_NEEDS: dict[NotifierType, tuple[tuple[str, ...], ...]] = {
    NotifierType.LOG: (),
    NotifierType.SLACK: (("url_file",),),
    NotifierType.GITHUB_ISSUE: (("repository",), ("token_file",)),
    NotifierType.PAGERDUTY: (("routing_key_file",),),
    NotifierType.WEBHOOK: (("url", "url_file"), ("secret_file",)),
}
_MAY: dict[NotifierType, frozenset[str]] = {
    NotifierType.LOG: frozenset(),
    NotifierType.SLACK: frozenset({"ca_file"}),
    NotifierType.GITHUB_ISSUE: frozenset({"api_url", "ca_file"}),
    NotifierType.PAGERDUTY: frozenset({"url", "ca_file"}),
    NotifierType.WEBHOOK: frozenset({"ca_file"}),
}
_FIELDS = ("url", "url_file", "api_url", "repository", "token_file", "routing_key_file", "secret_file", "ca_file")


class NotifierSpec(Model):
    """One notifier: what it speaks, which levels it is told, and where it is."""

    name: Name
    type: NotifierType
    levels: Annotated[frozenset[Notification], Field(min_length=1)]
    url: Url | None = None
    url_file: FilePath | None = None
    api_url: Url | None = None
    repository: Annotated[str, Field(max_length=140, pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")] | None = None
    token_file: FilePath | None = None
    routing_key_file: FilePath | None = None
    secret_file: FilePath | None = None
    ca_file: FilePath | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        given = {field for field in _FIELDS if getattr(self, field) is not None}
        for several in _NEEDS[self.type]:
            if len(given & set(several)) != 1:
                names = " or ".join(map(_wire, several))
                raise ValueError(f"notifier {self.name} of type {self.type} needs {names}")
        known = _MAY[self.type] | {field for several in _NEEDS[self.type] for field in several}
        if given - known:
            names = ", ".join(_wire(field) for field in sorted(given - known))
            raise ValueError(f"notifier {self.name} of type {self.type} has no use for {names}")
        relative = [
            f for f in sorted(given) if f.endswith("_file") and not PurePosixPath(getattr(self, f)).is_absolute()
        ]
        if relative:
            raise ValueError(f"{_wire(relative[0])} must be an absolute path")
        return self


class NotifiersFile(Model):
    """The whole file."""

    notifiers: Annotated[tuple[NotifierSpec, ...], Field(max_length=8)] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [notifier.name for notifier in self.notifiers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"several notifiers are named {', '.join(twice)}: names must differ")
        return self


def _wire(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(part.capitalize() for part in rest)
