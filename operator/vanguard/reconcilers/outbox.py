"""What is still to be told: a cache of what Interventions' statuses record, and announcements of this process."""

from dataclasses import dataclass, field
from datetime import datetime

from vanguard.api.intervention import Delivery
from vanguard.domain.telling import Message, Routes
from vanguard.ports import Notifier

# An announcement that nobody took for long is one of many by then; the newest are the ones that count.
_MOST_NEWS = 100


@dataclass
class News:
    """An announcement and how far it got."""

    message: Message
    deliveries: dict[str, Delivery]


@dataclass
class Outbox:
    """Who is told what, and what is still to be told.

    Attributes:
        notifiers: by name.
        routes: the levels each of them is told.
        due: when to look after the notices of an Intervention, by namespace and name.
        news: announcements not yet taken by all.
        announced: what was announced last, by key.
    """

    notifiers: dict[str, Notifier] = field(default_factory=dict)
    routes: Routes = field(default_factory=dict)
    due: dict[tuple[str, str], datetime] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)
    announced: dict[str, str] = field(default_factory=dict)

    def wake(self, namespace: str, name: str, at: datetime | None) -> None:
        """Look after an Intervention's notices at a time; None: nothing is to be delivered."""
        if at is None:
            self.due.pop((namespace, name), None)
        else:
            self.due[namespace, name] = at

    def put(self, news: News) -> None:
        """Take an announcement to be delivered; the oldest give way."""
        self.news = [*self.news, news][-_MOST_NEWS:]
