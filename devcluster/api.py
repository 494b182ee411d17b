"""The few raw requests devcluster itself makes to the API server; TLS is verified."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

SECONDS = 5


class Api:
    """One API server as one user."""

    def __init__(self, *, url: str, authority: str, token: str) -> None:
        self._url = url
        self._token = token
        self._tls = ssl.create_default_context(cadata=authority)

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status code and text of the answer; 0 and the reason if there was none."""
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=self._tls) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()
        except OSError as trouble:  # refused, reset, timed out: the server is not (yet) there
            return 0, str(trouble)

    def get_object(self, path: str) -> dict[str, Any] | None:
        """The object at `path`, or None if the server does not give it."""
        code, text = self.request("GET", path)
        if code != 200:  # noqa: PLR2004 - HTTP's own word for success
            return None
        found: dict[str, Any] = json.loads(text)
        return found
