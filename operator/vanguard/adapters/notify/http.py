"""What all notifiers over HTTP share: secrets from files, time-outs, no redirects, and errors without secrets."""

import json as jsonlib
import ssl
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from vanguard.adapters import files
from vanguard.errors import NotSent, SettingsError

_TIMEOUT = aiohttp.ClientTimeout(total=5)
_MOST_ANSWER = 5_000_000


def secret(path: str | None) -> str:
    """The present content of a secret's file.

    Raises:
        NotSent: when it cannot be read or is empty; the text names the file only.
    """
    try:
        return files.secret(path)
    except SettingsError as error:
        raise NotSent(str(error)) from None


def url_in(path: str | None) -> str:
    """A URL that is itself a secret."""
    url = secret(path)
    if not url.startswith(("http://", "https://")):
        raise NotSent(f"{path} holds no http:// or https:// URL")
    return url


async def ask(
    method: str,
    url: str,
    *,
    ca_file: str | None,
    headers: dict[str, str] | None = None,
    json: Any = None,
    data: bytes | None = None,
) -> Any:
    """One request; the JSON of a 2xx answer, None where it is no JSON.

    Raises:
        NotSent: for anything else. Neither URL nor body nor the answer's text is in it: they may hold secrets.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
        connector = aiohttp.TCPConnector(ssl=context, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session,
            session.request(method, url, headers=headers, json=json, data=data, allow_redirects=False) as answer,
        ):
            if not 200 <= answer.status < 300:  # noqa: PLR2004 - success, as HTTP has it
                raise NotSent(f"it answered HTTP {answer.status}", _retry_after(answer))
            return await _json(answer)
    except TimeoutError:
        raise NotSent("no answer within 5s") from None
    except aiohttp.ClientConnectorCertificateError:
        raise NotSent("its certificate is not trusted; see caFile") from None
    except ssl.SSLError:
        raise NotSent("no TLS could be agreed on with it") from None
    except aiohttp.ClientConnectorDNSError:
        raise NotSent("its host name is not known") from None
    except OSError as error:
        raise NotSent(f"no connection: {error.strerror or type(error).__name__}") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise NotSent(f"the request failed: {type(error).__name__}") from None


async def _json(answer: aiohttp.ClientResponse) -> Any:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(65536):
        body += chunk
        if len(body) > _MOST_ANSWER:
            raise NotSent(f"its answer is longer than {_MOST_ANSWER} bytes")
    try:
        return jsonlib.loads(body) if body else None
    except ValueError:
        return None


def _retry_after(answer: aiohttp.ClientResponse) -> timedelta | None:
    """What Retry-After says: seconds, or a time to be held against the answer's own Date."""
    said = answer.headers.get("Retry-After", "")
    if said.isdigit():
        return timedelta(seconds=min(int(said), 86400))
    try:
        return parsedate_to_datetime(said) - parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
