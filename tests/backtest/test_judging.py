"""What a report takes for true, and whose act and whose label it is: not known is not false, and not another's."""

import asyncio
from dataclasses import replace

import numpy as np

from tests.backtest.past import QUERY, at, calm, leak, pattern, policy, recorded, wanted
from vanguard.api.kinds import AutomationPolicy, IssuePattern
from vanguard.backtest.recording import Asked, Recording, Track
from vanguard.backtest.report import Report
from vanguard.backtest.run import backtest, plan_of
from vanguard.backtest.stage import built
from vanguard.domain.series import labels_of
from vanguard.ports import Raw


def report_on(recording: Recording, *patterns: Raw) -> Report:
    asked = wanted(list(patterns), [policy("orders")], 3)
    return asyncio.run(backtest(plan_of(asked, recording), lambda _: None))


def test_an_alert_after_which_telemetry_was_lost_is_open_and_not_false() -> None:
    climbs, lost = leak(at(1), 4.0), at(1, 11).timestamp()
    report = report_on(recorded({"orders": lambda now: climbs(now) if now < lost else float("nan")}, 3), pattern())

    assert [one.judged for one in report.episodes] == ["Open"]
    assert (report.totals.false, report.totals.open) == (0, 1)


def test_an_alert_after_which_a_value_came_back_is_false() -> None:
    report = report_on(recorded({"orders": leak(at(1), 4.0, hours=10)}, 3), pattern())

    assert [one.judged for one in report.episodes] == ["False"]


def test_an_act_of_another_pattern_is_not_before_this_ones_breach() -> None:
    pool, disk = recorded({"orders": leak(at(1), 4.0)}, 3), recorded({"orders": leak(at(1, 2), 4.0)}, 3)
    tracks = {**pool.tracks, Asked("disk_use", "namespace"): disk.tracks[Asked(QUERY, "namespace")]}
    other = pattern("disk", severity="Low")
    other["spec"]["signals"][0] |= {"name": "disk", "query": "disk_use"}
    report = report_on(replace(pool, tracks=tracks), pattern(), other)

    acts = {one.pattern: one.at for one in report.acts}
    assert {one.pattern: one.acted_at for one in report.breaches} == {
        "pool": acts.get("pool"),
        "disk": acts.get("disk"),
    }


def test_a_label_that_a_later_series_bears_is_not_known_from_the_beginning() -> None:
    asked = Asked(QUERY, "namespace")
    recording = recorded({"orders": calm}, 1)
    early = recording.tracks[asked].values
    late = np.full_like(early, np.nan)
    late[:, -5:] = 50
    tiers = [labels_of({"namespace": "shop", "deployment": "orders", "tier": tier}) for tier in ("gold", "silver")]
    for rows in ((early, late), (late, early)):
        tracks = {asked: Track(tuple(tiers), np.vstack(rows))}
        documents = [IssuePattern.read(pattern())], [AutomationPolicy.read(policy("orders"))]
        stage = built(*documents, replace(recording, tracks=tracks), (), "vanguard-system")
        (workload,) = (raw for raw in stage.objects if raw["kind"] == "Deployment")
        assert workload["metadata"]["labels"]["tier"] == ("gold" if rows[0] is early else "silver")
