"""The courier: carries notices to people and records to the archive, beside the reconcilers and never in their way.

It holds no lock of an Intervention while it waits for a network; what became of an attempt is written into the status
afterwards, guarded by its resourceVersion. Killed in between, it sends again: at least once, with the same id. A
repository that hangs delays no notice, and a notifier that hangs no commit.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

from pydantic import ValidationError

from vanguard.api.intervention import CommitPurpose, CommitRecord, Delivery, DeliveryState
from vanguard.api.kinds import Intervention
from vanguard.domain.delivery import due, failed, merged, next_due, pause_after, pending, sent
from vanguard.domain.telling import Message, message_of
from vanguard.errors import ClusterError, Conflict, NotSent
from vanguard.reconcilers import archive, reading
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.outbox import News

_log = logging.getLogger(__name__)

# A notifier's adapter has its own, shorter time-outs; this one holds also where an adapter is wrong.
_DEADLINE = 20.0
_AT_ONCE = 4
_LOOKS = 5


class Courier:
    """Delivers what the outbox holds; one per process."""

    def __init__(self, ctx: Context) -> None:
        """Start with nothing under way.

        Args:
            ctx: the process.
        """
        self._ctx = ctx
        # Per notifier, so that a dead one delays only itself.
        self._slots = {name: asyncio.Semaphore(_AT_ONCE) for name in ctx.outbox.notifiers}
        self._under_way: dict[object, asyncio.Task[None]] = {}
        self._troubles: dict[object, int] = {}

    def round(self) -> None:
        """Begin what is due now and not under way; returns at once."""
        outbox, now = self._ctx.outbox, self._ctx.clock.now()
        for key, at in list(outbox.due.items()):
            if at <= now and key not in self._under_way:
                self._begin(key, self._deliver(*key))
        for news in outbox.news:
            waiting = [known for known in news.deliveries.values() if known.state is DeliveryState.PENDING]
            ripe = [known for known in waiting if due(known, now)]
            if ripe and news.message.id not in self._under_way:
                self._begin(news.message.id, self._announce(news, ripe))
        outbox.news = [
            news for news in outbox.news if any(d.state is DeliveryState.PENDING for d in news.deliveries.values())
        ]

    async def settle(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def stop(self) -> None:
        """Give up what is under way; it is sent again by the next process."""
        for task in self._under_way.values():
            task.cancel()

    def _begin(self, key: object, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))

    def _ended(self, key: object, task: asyncio.Task[None]) -> None:
        self._under_way.pop(key, None)
        error = None if task.cancelled() else task.exception()
        if error is None:
            self._troubles.pop(key, None)
            return
        self._troubles[key] = self._troubles.get(key, 0) + 1
        _log.warning("telling people of %s: %s", key, type(error).__name__)
        place = key[-2:] if isinstance(key, tuple) else ("", "")
        if place in self._ctx.outbox.due:
            self._ctx.outbox.due[place] = self._ctx.clock.now() + pause_after(self._troubles[key])

    async def _deliver(self, namespace: str, name: str) -> None:
        """Try what is due of one Intervention; each notifier by itself, its notices in their order."""
        raw = await reading.optional(self._ctx.cluster, "Intervention", namespace, name)
        if raw is None:
            self._ctx.outbox.wake(namespace, name, None)
            return
        try:
            iv = Intervention.read(raw)
        except ValidationError:
            self._ctx.outbox.wake(namespace, name, None)  # its reconciler says so
            return
        now, archiving = self._ctx.clock.now(), ("archive", namespace, name)
        if archive.todo(iv, now) and archiving not in self._under_way:
            self._begin(archiving, self._archive(iv))
        queues: dict[str, list[tuple[str, Message, Delivery]]] = {}
        for notice, delivery in pending(iv.status):
            queue = queues.setdefault(delivery.notifier, [])
            if queue or due(delivery, now):
                queue.append((notice.id, message_of(iv, notice, self._ctx.settings.runbook_url), delivery))
        news: dict[tuple[str, str], Delivery] = {}
        await asyncio.gather(*(self._in_order(queue, news) for queue in queues.values()))
        await self._record(namespace, name, news, {})

    async def _archive(self, iv: Intervention) -> None:
        """Commit what is due of one Intervention."""
        await self._record(iv.metadata.namespace, iv.metadata.name, {}, await archive.written_down(self._ctx, iv))

    async def _in_order(
        self, queue: list[tuple[str, Message, Delivery]], news: dict[tuple[str, str], Delivery]
    ) -> None:
        for notice_id, message, delivery in queue:
            after = await self._attempt(message, delivery)
            news[notice_id, delivery.notifier] = after
            if after.state is DeliveryState.PENDING:
                return  # later news waits for earlier

    async def _attempt(self, message: Message, delivery: Delivery) -> Delivery:
        """One attempt with one notifier; never raises, never waits for ever."""
        name, ctx = delivery.notifier, self._ctx
        notifier = ctx.outbox.notifiers.get(name)
        if notifier is None:
            after = failed(delivery, "no such notifier is configured any more", ctx.clock.now(), give_up=True)
        else:
            try:
                async with self._slots[name], asyncio.timeout(_DEADLINE):
                    await notifier.send(message)
                after = sent(delivery, ctx.clock.now())
            except NotSent as error:
                after = failed(delivery, str(error), ctx.clock.now(), retry_after=error.retry_after)
            except TimeoutError:
                after = failed(delivery, "no answer in time", ctx.clock.now())
            except Exception as error:  # noqa: BLE001 - its text might hold a secret; its type does not
                after = failed(delivery, f"unexpected {type(error).__name__}", ctx.clock.now())
        self._count(message, after)
        return after

    def _count(self, message: Message, after: Delivery) -> None:
        retry = after.state is DeliveryState.PENDING
        result = "Retry" if retry else after.state.value
        self._ctx.telemetry.notifications.labels(after.notifier, message.level.value, result).inc()
        if after.state is not DeliveryState.SENT:
            what = "tried again later" if retry else "given up"
            _log.warning("notifier %s did not take %s (%s): %s", after.notifier, message.id, what, after.error)

    async def _record(
        self,
        namespace: str,
        name: str,
        news: Mapping[tuple[str, str], Delivery],
        commits: Mapping[CommitPurpose, CommitRecord],
    ) -> None:
        """Write what became of the attempts, on whatever the status is by now."""
        for _ in range(_LOOKS):
            raw = await reading.optional(self._ctx.cluster, "Intervention", namespace, name)
            if raw is None:
                self._ctx.outbox.wake(namespace, name, None)
                return
            status = merged(Intervention.read(raw).status, news, commits)
            try:
                if news or commits:
                    await self._ctx.cluster.replace_status("Intervention", {**raw, "status": status.wire()})
            except Conflict:
                continue
            self._ctx.outbox.wake(namespace, name, next_due(status))
            return
        raise ClusterError(f"Intervention {namespace}/{name} kept changing")

    async def _announce(self, news: News, ripe: list[Delivery]) -> None:
        for after in await asyncio.gather(*(self._attempt(news.message, delivery) for delivery in ripe)):
            news.deliveries[after.notifier] = after
