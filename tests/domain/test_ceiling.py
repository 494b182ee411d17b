"""The ceiling: raises that are each allowed do not add up without end, and who sets another value begins anew."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.base import ActionType
from vanguard.api.intervention import Change, FieldValue, ObjectRef, Phase, RequestedAction, Step, Undo
from vanguard.api.kinds import Intervention
from vanguard.api.policy import Tunable
from vanguard.api.reasons import Reason
from vanguard.domain.ceiling import Place, Raise, base_of, highest, raise_of
from vanguard.domain.change import Impossible, plan, target_value
from vanguard.domain.history import history_of

HERE = Place("shop", "ConfigMap", "orders-config", "/data/POOL_SIZE")


def raised(before: int, after: int, *, settled: bool = True) -> Raise:
    return Raise(g.UID, "pool-size", HERE, before, after, settled)


def left(before: int, after: int) -> Raise:
    """One that failed, and may have been left in place."""
    return raised(before, after, settled=False)


@g.table(
    ("why", "raises", "present", "base"),
    [
        ("nothing was raised", [], 50, 50),
        ("once", [raised(50, 60)], 60, 50),
        ("three times", [raised(72, 86), raised(60, 72), raised(50, 60)], 86, 50),
        ("somebody raised it since", [raised(50, 60)], 65, 65),
        ("somebody lowered it since", [raised(50, 60)], 40, 40),
        ("somebody put the old value back", [raised(50, 60)], 50, 50),
        ("somebody lowered it in between", [raised(50, 60), raised(60, 72), raised(50, 60)], 60, 50),
        ("somebody raised it in between", [raised(80, 96), raised(50, 60)], 96, 80),
        ("a failed one was left in place", [left(60, 72), raised(50, 60)], 72, 50),
        ("a failed one left nothing", [left(60, 72), raised(50, 60)], 60, 50),
        ("two failed and left nothing", [left(60, 72), left(60, 72), raised(50, 60)], 60, 50),
        ("a failed one, and then somebody set a value", [left(60, 72), raised(50, 60)], 65, 65),
    ],
)
def test_the_base_is_what_was_found_before_the_first_raise(
    why: str, raises: list[Raise], present: int, base: int
) -> None:
    assert base_of(raises, present) == base, why


def ended(phase: Phase = Phase.SUCCEEDED, before: str = "50", after: str = "60", **status: Any) -> Intervention:
    field = FieldValue(path="/data/POOL_SIZE", before=before, after=after)
    step = Step(object=ObjectRef(kind="ConfigMap", name="orders-config"), uid="u", fingerprint="f", fields=(field,))
    change = Change(
        marker="m", summary="s", from_=before, to=after, rollout=True, taken_at=g.NOW, restore_point=(step,)
    )
    return g.intervention(phase, started_at=g.NOW, **({"change": change} | status))


RESTORED = Undo(reason="Degraded", started_at=g.NOW, restored_at=g.NOW)


@g.table(
    ("why", "iv", "counts"),
    [
        ("kept", ended(), True),
        ("kept, with a newline", ended(before=" 50\n"), True),
        ("failed and left in place", ended(Phase.FAILED), True),
        ("failed, but the value was put back before", ended(Phase.FAILED, undo=RESTORED), False),
        ("put back", ended(Phase.ROLLED_BACK), False),
        ("being watched", ended(Phase.MONITORING), False),
        ("refused", ended(Phase.REJECTED), False),
        ("nothing was planned", ended(change=None), False),
        ("a restart", ended(before="never", after="2026-03-10T03:00:00Z"), False),
    ],
)
def test_what_counts_as_a_raise(why: str, iv: Intervention, counts: bool) -> None:
    found = history_of([iv]).raises
    assert found == ((raise_of(iv),) if counts else ()), why
    if counts:
        (one,) = found
        assert one == raised(50, 60, settled=iv.status.phase is Phase.SUCCEEDED)


@g.table(
    ("why", "target", "tunable", "place", "same"),
    [
        ("the same value", g.UID, "pool-size", HERE, True),
        ("the same tunable, now elsewhere", g.UID, "pool-size", Place("shop", "ConfigMap", "new", "/data/P"), True),
        ("the same field, of another workload", "uid-other", "pool-size", HERE, True),
        ("the same field, by another name", g.UID, "connections", HERE, True),
        ("another tunable", g.UID, "connections", Place("shop", "ConfigMap", "new", "/data/P"), False),
        ("another workload's", "uid-other", "pool-size", replace(HERE, namespace="bank"), False),
    ],
)
def test_which_value_a_raise_is_about(why: str, target: str, tunable: str, place: Place, same: bool) -> None:
    assert raised(50, 60).of(target, tunable, place) is same, why


@g.table(
    ("why", "current", "bounds", "raises", "expected"),
    [
        ("clamped to it", "86", {"max": 1000}, [raised(72, 86), raised(50, 72)], 100),
        ("clamped on the grid", "86", {"max": 1000, "step": 9}, [raised(50, 86)], 100),
        ("below the next grid point", "86", {"max": 1000, "step": 50}, [raised(50, 86)], Reason.CEILING_REACHED),
        ("reached", "100", {"max": 1000}, [raised(50, 100)], Reason.CEILING_REACHED),
        (
            "passed, for the policy has become stricter",
            "100",
            {"max": 1000, "percent": 20},
            [raised(50, 100)],
            Reason.CEILING_REACHED,
        ),
        ("max comes first", "100", {}, [raised(50, 100)], Reason.AT_MAXIMUM),
        ("far away", "60", {"max": 1000, "percent": 1000}, [raised(50, 60)], 72),
        ("somebody set another value", "100", {"max": 1000}, [raised(50, 90)], 120),
        ("a first raise beyond it", "50", {"percent": 10}, [], 55),
    ],
)
def test_a_value_is_raised_to_the_ceiling_and_no_further(
    why: str, current: str, bounds: dict[str, int], raises: list[Raise], expected: int | Reason
) -> None:
    settings = {key: value for key, value in bounds.items() if key != "percent"}
    told = {"maxTotalIncreasePercent": bounds.get("percent", 100)}
    made = target_value(current, Tunable.model_validate(g.TUNABLE | settings | told), 20, raises)
    if isinstance(expected, int):
        assert made == expected, why
    else:
        assert isinstance(made, Impossible), why
        assert made.reason is expected


def test_the_refusal_names_base_ceiling_and_present_value() -> None:
    tunable = Tunable.model_validate(g.TUNABLE | {"max": 1000})
    made = target_value("100", tunable, 20, [raised(80, 100), raised(50, 80)])
    assert isinstance(made, Impossible)
    assert made.message == (
        "pool-size is 100 and was 50 before the operator's first raise; "
        "maxTotalIncreasePercent 100 allows at most 100 in steps of 1"
    )


@given(
    st.integers(1, 300),
    st.integers(1, 40),
    st.integers(1, 1000),
    st.lists(
        st.tuples(st.integers(1, 100), st.sampled_from(["kept", "left", "undone", "nothing"])), min_size=1, max_size=25
    ),
)
def test_however_often_it_is_raised_it_never_passes_the_ceiling(
    found: int, step: int, percent: int, rounds: list[tuple[int, str]]
) -> None:
    tunables = g.consent(workloads=g.tunable(min=0, max=10**9, step=step, maxTotalIncreasePercent=percent)).tunables
    past: list[Intervention] = []
    present = found
    for number, (increase, fate) in enumerate(rounds):
        change = plan(
            RequestedAction(type=ActionType.TUNE_POOL, tunable="pool-size", increase_percent=increase),
            g.workload(),
            tunables,
            {"orders-config": g.config_map(str(present))},
            marker=g.MARKER,
            now=g.NOW,
            raises=history_of(past).raises,
        )
        if isinstance(change, Impossible):
            assert change.reason is Reason.CEILING_REACHED
            break
        assert int(change.to) > present
        phase = {"kept": Phase.SUCCEEDED, "undone": Phase.ROLLED_BACK}.get(fate, Phase.FAILED)
        started = g.NOW + timedelta(hours=number)
        past.append(g.intervention(phase, meta={"uid": f"u{number}"}, started_at=started, change=change))
        present = int(change.to) if fate in {"kept", "left"} else present
        assert present <= highest(found, percent, step)
