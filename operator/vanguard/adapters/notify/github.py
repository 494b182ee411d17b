"""GitHub issues: one per incident, found again by a marker in its body; later news become comments.

Before anything is created, it is looked for: a repetition after a lost answer finds its own marker.
"""

from typing import Any

from vanguard.adapters.notify.http import ask, secret
from vanguard.api.base import format_time
from vanguard.api.notifiers import NotifierSpec
from vanguard.domain.telling import Message
from vanguard.errors import NotSent

_API = "https://api.github.com"
_PAGE = 100
_MOST_PAGES = 10


def rendered(message: Message) -> str:
    """All in one block of code: no markup and no mention is read there, and a command can be copied."""
    body = f"{message.title}\n{message.text}".replace("`", "'")
    return f"**Vanguard {message.level}**\n\n```text\n{body}\n```"


def _marker(kind: str, text: str) -> str:
    return f"<!-- vanguard:{kind}:{text.replace('--', '-')} -->"


class GitHubIssue:
    """Tells a repository."""

    def __init__(self, spec: NotifierSpec) -> None:
        """Connects only when it sends.

        Args:
            spec: repository, tokenFile, and apiUrl where it is not github.com.
        """
        self._spec = spec
        self._issues = f"{(spec.api_url or _API).rstrip('/')}/repos/{spec.repository}/issues"

    async def send(self, message: Message) -> None:
        """See `ports.Notifier`."""
        incident, news = _marker("incident", message.incident), _marker("news", message.id)
        body = f"{rendered(message)}\n\n{incident}\n{news}"
        found = await self._find(self._issues, "state=all&sort=created&direction=desc", message, incident)
        if found is None:
            await self._ask(
                "POST", self._issues, {"title": f"Vanguard {message.level}: {message.title}"[:250], "body": body}
            )
            return
        comments = f"{self._issues}/{int(found['number'])}/comments"
        if news in str(found.get("body")) or await self._find(comments, "", message, news):
            return
        await self._ask("POST", comments, {"body": body})

    async def _find(self, url: str, query: str, message: Message, marker: str) -> dict[str, Any] | None:
        """The first entry of a list, changed since the incident began, that bears the marker."""
        for page in range(1, _MOST_PAGES + 1):
            since = f"since={format_time(message.begun)}&per_page={_PAGE}&page={page}"
            entries = await self._ask("GET", f"{url}?{query}&{since}")
            if not isinstance(entries, list):
                raise NotSent("it answered with something that is no list")
            for entry in entries:
                if isinstance(entry, dict) and marker in str(entry.get("body")):
                    return entry
            if len(entries) < _PAGE:
                return None
        raise NotSent(f"more than {_MOST_PAGES * _PAGE} issues or comments since the incident began")

    async def _ask(self, method: str, url: str, json: Any = None) -> Any:
        headers = {
            "Authorization": f"Bearer {secret(self._spec.token_file)}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "vanguard",
        }
        return await ask(method, url, headers=headers, json=json, ca_file=self._spec.ca_file)
