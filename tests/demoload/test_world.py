"""The played world obeys the pods it is given, and tells the demo's four stories."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from devcluster.demoload.pods import Pod
from devcluster.demoload.services import DEMO, Array, Latency, Memory, Rise, Service
from devcluster.demoload.world import World

Crew = Callable[..., tuple[Pod, ...]]
Read = Callable[..., Array]

EPOCH = 1_790_000_000.0
MINUTES = np.arange(0, 60) / 60.0
NOISE = 5.0  # percent; more than three standard deviations of anything


def pool_use(world: World, pods: tuple[Pod, ...], hours: Any, read: Read) -> Array:
    """Percent, mean over the pods."""
    used, size = (read(world, metric, pods, hours) for metric in ("app_pool_in_use", "app_pool_size"))
    mean: Array = np.mean(100 * used / size, axis=0)
    return mean


def memory_use(world: World, pods: tuple[Pod, ...], hours: Any, read: Read) -> Array:
    """Percent of the limit, mean over the pods."""
    used = read(world, "container_memory_working_set_bytes", pods, hours)
    limit = read(world, "kube_pod_container_resource_limits", pods, hours)
    mean: Array = np.mean(100 * used / limit, axis=0)
    return mean


def latency(world: World, pods: tuple[Pod, ...], hours: Any, read: Read) -> float:
    """Seconds, mean over pods and times."""
    return float(np.mean(read(world, "app_request_latency_p99_seconds", pods, hours)))


@pytest.mark.parametrize("name", ["orders", "checkout"])
def test_pool_use_is_flat_for_days_then_rises_four_points_an_hour_to_breach_in_three_to_four_hours(
    name: str, world: World, crew: Crew, read: Read
) -> None:
    week = pool_use(world, crew(name), np.arange(-168.0, -10.0, 0.1), read)
    assert week.min() > 38
    assert week.max() < 45
    assert 79 < np.mean(pool_use(world, crew(name), -MINUTES[::-1] / 10, read)) < 83
    hours = np.arange(-8.0, 0.0, 0.05)
    slope = np.polyfit(hours, pool_use(world, crew(name), hours, read), 1)[0]
    assert slope == pytest.approx(4.0, abs=0.4)
    assert np.mean(pool_use(world, crew(name), 2.7 + MINUTES / 10, read)) < 95
    assert np.mean(pool_use(world, crew(name), 4.0 + MINUTES / 10, read)) > 95


def test_the_demand_ends_on_a_plateau_instead_of_growing_for_ever(world: World, crew: Crew, read: Read) -> None:
    waiting = read(world, "app_pool_waiting", crew("orders"), [9.0, 200.0])
    assert waiting.mean(axis=0)[1] == pytest.approx(waiting.mean(axis=0)[0], abs=2.0)


def test_a_changed_configuration_means_nothing_to_a_pod_that_was_seen_before(
    world: World, crew: Crew, read: Read
) -> None:
    patched = crew("orders", pool="60")
    assert (read(world, "app_pool_size", patched, 0.1) == 50).all()


def test_a_new_pod_has_the_pool_its_configuration_says_and_keeps_it(world: World, crew: Crew, read: Read) -> None:
    fresh = crew("orders", "new", created=EPOCH + 60, pool="60")
    before = pool_use(world, crew("orders"), 0.1, read)[0]
    after = pool_use(world, fresh, 0.1, read)[0]
    assert after == pytest.approx(before * 50 / 60, abs=1.5)
    undone = tuple(replace(pod, env={"POOL_SIZE": "50"}) for pod in fresh)
    assert (read(world, "app_pool_size", undone, 0.2) == 60).all()


@pytest.mark.parametrize("text", ["", "0", "-5", "many", "50.5"])
def test_a_pod_whose_pool_size_cannot_be_known_publishes_no_pool_and_no_requests(
    text: str, world: World, crew: Crew
) -> None:
    broken = tuple(replace(pod, env={"POOL_SIZE": text}) for pod in crew("orders", "broken"))
    metrics = {one.metric for one in world.sample(EPOCH + 60, broken)}
    memory = {"container_memory_working_set_bytes", "container_memory_rss"}
    assert metrics == memory | {"kube_pod_container_resource_limits"}


def test_a_pool_size_unknown_at_first_is_taken_once_it_is_there(world: World, crew: Crew, read: Read) -> None:
    world.meet(replace(pod, env={}) for pod in crew("orders", "new"))
    assert (read(world, "app_pool_size", crew("orders", "new", pool="70"), 0.1) == 70).all()


def test_a_pod_that_is_not_ready_publishes_nothing_and_its_share_goes_to_the_others(
    world: World, crew: Crew, read: Read
) -> None:
    pods = crew("storefront")
    one_out = (replace(pods[0], ready=False), *pods[1:])
    assert pods[0].name not in {dict(one.labels)["pod"] for one in world.sample(EPOCH, one_out)}
    usual = np.mean(read(world, "app_pool_in_use", pods, -10.0))
    assert np.mean(read(world, "app_pool_in_use", one_out, -10.0)) == pytest.approx(usual * 1.5, rel=0.03)


def test_a_larger_pool_worsens_latency_for_checkout_only(crew: Crew, read: Read) -> None:
    change: dict[str, float] = {}
    for name, larger in (("orders", "60"), ("checkout", "48"), ("storefront", "72")):
        world = World(epoch=EPOCH)
        before = latency(world, crew(name), MINUTES / 10, read)
        change[name] = latency(world, crew(name, "new", pool=larger), MINUTES / 10, read) / before - 1
    assert change["checkout"] > 0.5
    assert -0.10 < change["orders"] < -0.01
    assert -0.10 < change["storefront"] < 0


def test_checkout_is_fast_now_and_slow_with_twenty_percent_more(crew: Crew, read: Read) -> None:
    world = World(epoch=EPOCH)
    assert latency(world, crew("checkout"), MINUTES / 10, read) == pytest.approx(0.120, abs=0.005)
    assert latency(world, crew("checkout", "new", pool="48"), MINUTES / 10, read) > 0.190


def test_catalog_has_leaked_to_88_percent_at_one_rate_and_will_breach_in_six_hours(
    world: World, crew: Crew, read: Read
) -> None:
    hours = np.arange(-24.0, 0.0, 0.05)
    assert np.polyfit(hours, memory_use(world, crew("catalog"), hours, read), 1)[0] == pytest.approx(1.25, abs=0.05)
    assert memory_use(world, crew("catalog"), 0.0, read)[0] == pytest.approx(88, abs=1.5)
    assert np.mean(memory_use(world, crew("catalog"), 5.3 + MINUTES / 10, read)) < 95
    assert np.mean(memory_use(world, crew("catalog"), 6.6 + MINUTES / 10, read)) > 95


def test_a_restart_resets_the_leak_and_nothing_else_does(world: World, crew: Crew, read: Read) -> None:
    fresh = crew("catalog", "new", created=EPOCH + 3600)
    assert memory_use(world, fresh, 1.0, read)[0] == pytest.approx(25, abs=1)
    assert memory_use(world, fresh, 5.0, read)[0] == pytest.approx(30, abs=1)
    assert memory_use(world, crew("catalog"), 1.0, read)[0] > 88


def test_memory_stops_at_the_limit_and_follows_a_raised_one(world: World, crew: Crew, read: Read) -> None:
    assert memory_use(world, crew("catalog"), 50.0, read)[0] == 100
    roomy = tuple(replace(pod, memory_limit=1024.0 * 2**20) for pod in crew("catalog"))
    assert memory_use(world, roomy, 0.0, read)[0] == pytest.approx(44, abs=1)


def test_storefront_repeats_its_day_and_never_reaches_the_limit(world: World, crew: Crew, read: Read) -> None:
    day = np.arange(0.0, 24.0, 1 / 60)
    days = np.stack([pool_use(world, crew("storefront"), day + 24 * number, read) for number in range(-7, 3)])
    assert np.abs(days - days.mean(axis=0)).max() < NOISE
    assert 84 < days.max() < 92
    assert days.min() < 45


def test_a_line_through_storefronts_last_hours_says_breach_but_it_turns(world: World, crew: Crew, read: Read) -> None:
    hours = np.arange(-3.0, 0.0, 1 / 60)
    slope, level = np.polyfit(hours, pool_use(world, crew("storefront"), hours, read), 1)
    assert level + 4 * slope > 95
    evening = np.arange(0.0, 12.0, 1 / 60)
    course = pool_use(world, crew("storefront"), evening, read)
    assert evening[np.argmax(course)] == pytest.approx(2.5, abs=1.0)


def test_counters_never_fall_whatever_happens_to_the_pods_or_the_clock(world: World, crew: Crew) -> None:
    pods = crew("orders")
    last: dict[tuple[str, str], float] = {}
    story = [(0.0, pods), (0.5, pods), (4.0, pods[:1]), (5.0, pods), (4.9, pods), (5.1, pods)]
    for hours, ready in story:
        crowd = tuple(replace(pod, ready=pod in ready) for pod in pods)
        for one in world.sample(EPOCH + 3600 * hours, crowd):
            if one.metric.endswith("_total"):
                key = (one.metric, dict(one.labels)["pod"])
                assert one.values[0] >= last.get(key, 0.0)
                last[key] = one.values[0]
    assert len(last) == 6


def test_a_pod_counts_nothing_while_it_is_not_ready(world: World, crew: Crew, read: Read) -> None:
    pods = crew("orders")
    before = read(world, "app_requests_total", pods, 0.0)[0, 0]
    resting = (replace(pods[0], ready=False), *pods[1:])
    world.sample(EPOCH + 3600, resting)
    assert read(world, "app_requests_total", pods, 1.0)[0, 0] == pytest.approx(before)


def test_errors_are_rare_until_the_pool_is_exhausted(world: World, crew: Crew, read: Read) -> None:
    def error_share(since: float, until: float) -> float:
        replay = world.replay()
        hours = [since, until]
        errors = np.diff(read(replay, "app_request_errors_total", crew("orders"), hours))
        requests = np.diff(read(world.replay(), "app_requests_total", crew("orders"), hours))
        return float(errors.sum() / requests.sum())

    assert error_share(-1.0, 0.0) == pytest.approx(0.001, rel=0.1)
    assert error_share(6.0, 7.0) > 0.05


def test_noise_is_one_percent_changes_each_second_and_is_the_same_when_asked_again(world: World, crew: Crew) -> None:
    at = EPOCH + np.arange(0.0, 600.0)
    first, again = (
        [one.values for one in world.replay().sample(at, crew("orders")) if one.metric == "app_pool_in_use"]
        for _ in range(2)
    )
    assert (np.array(first) == np.array(again)).all()
    spread = np.std(first[0] / first[0].mean())
    assert 0.007 < spread < 0.013
    assert (np.diff(first[0]) != 0).all()
    assert abs(np.corrcoef(first[0], first[1])[0, 1]) < 0.2


def test_a_time_sampled_alone_says_what_it_said_among_a_week_of_times(world: World, everyone: tuple[Pod, ...]) -> None:
    at = EPOCH + 3600.0 * np.arange(-168.0, 1.0)
    for alone, among in zip(world.replay().sample(at[-5], everyone), world.replay().sample(at, everyone), strict=True):
        assert (alone.metric, alone.labels) == (among.metric, among.labels)
        # Counters are integrated in steps of a minute or of an hour here.
        assert alone.values[0] == pytest.approx(among.values[-5], rel=1e-3)


def test_a_pod_is_silent_before_its_birth(world: World, crew: Crew, read: Read) -> None:
    memory = read(world, "container_memory_working_set_bytes", crew("catalog"), [-55.0, -45.0])
    assert np.isnan(memory[:, 0]).all()
    assert not np.isnan(memory[:, 1]).any()


def test_a_world_not_founded_refuses_to_be_sampled(everyone: tuple[Pod, ...]) -> None:
    with pytest.raises(RuntimeError, match="founded"):
        World().sample(EPOCH, everyone)


def test_other_services_can_be_played(crew: Crew) -> None:
    mine = Service(name="orders", demand=Rise(level=50.0, swing=0.0), latency=Latency(0.05), memory=Memory(start=1e6))
    found = World([mine], epoch=EPOCH).sample(EPOCH, crew("orders") + crew("catalog"))
    assert {dict(one.labels)["pod"].split("-")[0] for one in found} == {"orders"}
    assert not [one for one in found if one.metric.startswith("app_pool")]


def test_the_demo_is_these_four() -> None:
    assert [service.name for service in DEMO] == ["orders", "checkout", "catalog", "storefront"]
