"""Notifiers against real servers: what they send, what they make of refusals, and what they never tell."""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from vanguard.adapters import notify
from vanguard.adapters.clock import SystemClock
from vanguard.adapters.notify import http
from vanguard.api.base import Notification
from vanguard.api.notifiers import NotifierSpec
from vanguard.cli.main import main
from vanguard.domain.telling import Message
from vanguard.errors import NotSent
from vanguard.ports import Notifier

SECRET = "hush-4711-hush"  # noqa: S105 - the one no message may tell
AT = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)


def message(
    number: int = 1, *, over: bool = False, title: str = "shop/orders: changed", line: str = "What: x"
) -> Message:
    return Message(
        id=f"uid-{number}",
        incident="uid",
        level=Notification.ALERT,
        title=title,
        lines=(line, "Why: y"),
        at=AT,
        begun=AT,
        over=over,
        about={"namespace": "shop", "intervention": "iv"},
    )


@dataclass
class Receiver:
    """A server that keeps what it was sent, and answers what it is told to."""

    got: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.Response]] | None = None
    url: str = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.got.append((request.method, request.path_qs, dict(request.headers), await request.read()))
        return await self.answer(request) if self.answer else web.Response(text="ok")

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, _, body in self.got if body]


def answering(status: int, **headers: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(
            status=status, text=f"no, {SECRET}", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return answer


def talk(receiver: Receiver, work: Callable[[str], Awaitable[None]]) -> None:
    """Do something while the receiver listens at a URL."""

    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", receiver.serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        receiver.url = f"http://127.0.0.1:{port}"
        try:
            await work(receiver.url)
        finally:
            await runner.cleanup()

    asyncio.run(run())


def notifier(kind: str, url: str, folder: Path) -> Notifier:
    """A notifier of a type that talks to a URL, its secrets in files of a folder."""
    hidden, link = folder / "hidden", folder / "url"
    hidden.write_text(SECRET + "\n")
    link.write_text(f"{url}/hooks/{SECRET}\n")
    fields: dict[str, dict[str, str]] = {
        "Slack": {"urlFile": str(link)},
        "GitHubIssue": {"apiUrl": url, "repository": "shop/runbook", "tokenFile": str(hidden)},
        "PagerDuty": {"url": f"{url}/v2/enqueue", "routingKeyFile": str(hidden)},
        "Webhook": {"urlFile": str(link), "secretFile": str(hidden)},
        "Log": {},
    }
    spec = NotifierSpec.model_validate({"name": "n", "type": kind, "levels": ["Alert"], **fields[kind]})
    return notify.made(spec, SystemClock())


def sent(receiver: Receiver, kind: str, folder: Path, *messages: Message) -> None:
    """Send messages, one after the other."""

    async def work(url: str) -> None:
        for one in messages:
            await notifier(kind, url, folder).send(one)

    talk(receiver, work)


def refused(receiver: Receiver, kind: str, folder: Path) -> NotSent:
    """How sending fails."""
    told: list[NotSent] = []

    async def work(url: str) -> None:
        with pytest.raises(NotSent) as error:
            await notifier(kind, url, folder).send(message())
        told.append(error.value)

    talk(receiver, work)
    return told[0]


OVER_HTTP = ["Slack", "GitHubIssue", "PagerDuty", "Webhook"]


def test_slack_gets_one_block_of_text_at_its_secret_url(tmp_path: Path) -> None:
    receiver = Receiver()
    sent(receiver, "Slack", tmp_path, message())
    assert receiver.got[0][:2] == ("POST", f"/hooks/{SECRET}")
    assert receiver.bodies()[0]["text"] == (
        ":rotating_light: *Vanguard Alert*\n```\nshop/orders: changed\nWhat: x\nWhy: y\n```"
    )


NASTY = "<!channel> @channel *bold* ```\n# head <https://evil|ok> &amp; <@U1>"


def test_no_mention_link_or_markup_gets_through_to_slack(tmp_path: Path) -> None:
    receiver = Receiver()
    sent(receiver, "Slack", tmp_path, message(line=NASTY))
    text = receiver.bodies()[0]["text"]
    assert "<" not in text
    assert ">" not in text
    assert text.count("```") == 2
    assert text.index("```") < text.index("@channel") < text.rindex("```")
    assert "&lt;!channel&gt;" in text
    assert "&amp;amp;" in text


def test_no_mention_or_markup_gets_through_to_github(tmp_path: Path) -> None:
    receiver = Receiver(answer=Repository().answer)
    sent(receiver, "GitHubIssue", tmp_path, message(line=NASTY))
    body = receiver.bodies()[0]["body"]
    assert body.count("```") == 2
    assert body.index("```") < body.index("@channel") < body.rindex("```")


def test_a_signature_is_what_an_independent_computation_gives(tmp_path: Path) -> None:
    receiver = Receiver()
    before = datetime.now(tz=UTC).timestamp()
    sent(receiver, "Webhook", tmp_path, message())
    _, _, headers, body = receiver.got[0]
    stamp = headers["X-Vanguard-Timestamp"]
    expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Vanguard-Signature"] == f"sha256={expected}"
    assert before - 1 <= int(stamp) <= before + 30
    assert headers["X-Vanguard-Id"] == "uid-1"
    told = json.loads(body)
    assert (told["id"], told["level"], told["lines"]) == ("uid-1", "Alert", ["What: x", "Why: y"])


def test_pagerduty_is_triggered_and_resolved_under_one_key(tmp_path: Path) -> None:
    receiver = Receiver()
    sent(receiver, "PagerDuty", tmp_path, message(1), message(2), message(3, over=True))
    events = receiver.bodies()
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "resolve"]
    assert {event["dedup_key"] for event in events} == {"uid"}
    assert {event["routing_key"] for event in events} == {SECRET}
    assert events[0]["payload"]["severity"] == "error"
    assert events[0]["payload"]["summary"] == "shop/orders: changed"


@dataclass
class Repository:
    """The part of GitHub's API that matters: issues and their comments."""

    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    lose_answers: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {SECRET}"
        found = re.fullmatch(r"/repos/shop/runbook/issues(?:/(\d+)/comments)?", request.path)
        assert found is not None
        entries = self.comments.setdefault(int(found[1]), []) if found[1] else self.issues
        if request.method == "GET":
            page, size = int(request.query["page"]), int(request.query["per_page"])
            return web.json_response(entries[(page - 1) * size : page * size])
        entries.append({"number": len(entries) + 1, **await request.json()})
        if self.lose_answers:
            self.lose_answers -= 1
            return web.Response(status=502)
        return web.json_response(entries[-1], status=201)


def test_github_gets_one_issue_per_incident_and_later_news_as_comments(tmp_path: Path) -> None:
    repository = Repository(issues=[{"number": n, "body": "other"} for n in range(1, 151)])
    sent(Receiver(answer=repository.answer), "GitHubIssue", tmp_path, message(1), message(2), message(2), message(1))
    assert len(repository.issues) == 151
    assert repository.issues[-1]["title"] == "Vanguard Alert: shop/orders: changed"
    assert "What: x\nWhy: y" in repository.issues[-1]["body"]
    assert len(repository.comments[151]) == 1


def test_github_news_whose_answer_was_lost_are_not_told_twice(tmp_path: Path) -> None:
    repository = Repository(lose_answers=1)
    receiver = Receiver(answer=repository.answer)
    assert "502" in str(refused(receiver, "GitHubIssue", tmp_path))
    sent(receiver, "GitHubIssue", tmp_path, message(1))
    assert len(repository.issues) == 1
    assert repository.comments.get(1, []) == []


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize("status", [301, 400, 401, 404, 500, 503])
def test_what_is_no_success_is_told_by_its_number_and_no_secret(kind: str, status: int, tmp_path: Path) -> None:
    told = refused(Receiver(answer=answering(status, Location="http://127.0.0.1:9/")), kind, tmp_path)
    assert str(told) == f"it answered HTTP {status}"
    assert told.retry_after is None


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_receiver_that_wants_peace_gets_it(kind: str, tmp_path: Path) -> None:
    assert refused(Receiver(answer=answering(429, Retry_After="120")), kind, tmp_path).retry_after == timedelta(
        seconds=120
    )


def test_peace_until_a_time_is_counted_from_the_receivers_own_clock(tmp_path: Path) -> None:
    dates = {"Retry_After": "Wed, 04 Mar 2026 03:02:00 GMT", "Date": "Wed, 04 Mar 2026 03:00:00 GMT"}
    assert refused(Receiver(answer=answering(503, **dates)), "Slack", tmp_path).retry_after == timedelta(minutes=2)


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_receiver_that_hangs_is_given_up(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", http.aiohttp.ClientTimeout(total=0.3))

    async def hang(_request: web.Request) -> web.Response:
        await asyncio.sleep(2)
        return web.Response()

    assert "no answer within" in str(refused(Receiver(answer=hang), kind, tmp_path))


def test_the_time_out_is_five_seconds() -> None:
    assert http._TIMEOUT.total == 5


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_dead_host_is_told_without_its_url(kind: str, tmp_path: Path) -> None:
    with pytest.raises(NotSent, match="no connection") as told:
        asyncio.run(notifier(kind, "http://127.0.0.1:1", tmp_path).send(message()))
    assert SECRET not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_what_speaks_no_tls_is_not_spoken_to(kind: str, tmp_path: Path) -> None:
    receiver = Receiver()

    async def work(url: str) -> None:
        with pytest.raises(NotSent) as told:
            await notifier(kind, url.replace("http:", "https:"), tmp_path).send(message())
        assert SECRET not in str(told.value)

    talk(receiver, work)
    assert receiver.got == []


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_secret_is_read_at_each_send(kind: str, tmp_path: Path) -> None:
    receiver = Receiver()

    async def work(url: str) -> None:
        one = notifier(kind, url, tmp_path)
        for path in ("hidden", "url"):
            (tmp_path / path).unlink()
        with pytest.raises(NotSent, match="cannot be read"):
            await one.send(message())
        for path in ("hidden", "url"):
            (tmp_path / path).write_text("two\nlines")
        with pytest.raises(NotSent, match="should hold one line") as told:
            await one.send(message())
        assert "lines\n" not in str(told.value)

    talk(receiver, work)
    assert receiver.got == []


def test_the_log_is_told_level_title_and_lines(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    asyncio.run(notifier("Log", "", tmp_path).send(message()))
    assert caplog.messages == ["[Alert] shop/orders: changed\nWhat: x\nWhy: y"]


def test_notifiers_can_be_tried_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "dead").write_text(f"http://127.0.0.1:1/{SECRET}")
    receiver, results = Receiver(), []

    async def work(url: str) -> None:
        entries = [
            {
                "name": "pager",
                "type": "PagerDuty",
                "levels": ["Alert"],
                "url": url,
                "routingKeyFile": f"{tmp_path}/key",
            },
            {"name": "dead", "type": "Slack", "levels": ["Info"], "urlFile": f"{tmp_path}/dead"},
        ]
        for number in (1, 2):
            path = tmp_path / f"{number}.yaml"
            path.write_text(json.dumps({"notifiers": entries[:number]}))
            run = ["notify", "test", "--notifiers", str(path)]
            results.append(await asyncio.to_thread(CliRunner().invoke, main, run))

    talk(receiver, work)
    assert [result.exit_code for result in results] == [0, 1]
    assert "pager (PagerDuty): sent" in results[0].output
    assert "dead (Slack): NOT sent: no connection" in results[1].output
    assert SECRET not in results[1].output
    assert [event["event_action"] for event in receiver.bodies()][:2] == ["trigger", "resolve"]


def test_a_notifiers_file_that_is_wrong_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("notifiers: [{name: a, type: Slack, levels: [Info]}]")
    result = CliRunner().invoke(main, ["notify", "test", "--notifiers", str(tmp_path / "x.yaml")])
    assert result.exit_code == 1
    assert "needs urlFile" in result.output
    assert "Traceback" not in result.output
