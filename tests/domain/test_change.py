"""Changes: what would be written, the way back byte for byte, and how an object stands to it."""

from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.base import ActionType, Annotation, WorkloadKind, format_time
from vanguard.api.intervention import Change, FieldValue, ObjectRef, Step
from vanguard.api.policy import Tunable
from vanguard.api.reasons import Reason
from vanguard.domain.change import (
    Impossible,
    StepState,
    look_up,
    never_landed,
    patch,
    pointer,
    state_of,
    target_value,
)
from vanguard.domain.workload import Raw

RESTART = ActionType.RESTART_ROLLOUT
ENV: dict[str, Any] = {"location": {"configMapKey": None, "env": {"container": "app", "name": "POOL"}}}
RESTARTED_AT = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"
MARKER_PATH = "/metadata/annotations/vanguard.dev~1intervention"


def applied(raw: Raw, operations: list[dict[str, Any]]) -> dict[str, Any]:
    """What the API server makes of a patch; like it, a landed write bumps versions and empty maps are not kept."""
    out: dict[str, Any] = jsonpatch.apply_patch(raw, operations)
    return out


def stored(raw: Raw) -> dict[str, Any]:
    """An object as the API server stores it: `annotations: {}` and no annotations are the same bytes."""
    out = g.merged(dict(raw), {})
    for place in (out, out.get("spec", {}).get("template", {})):
        meta = place.get("metadata", {})
        if not meta.get("annotations", True):
            del meta["annotations"]
    return out


# ------------------------------------------------------------------ the value


@g.table(
    ("why", "current", "bounds", "percent", "expected"),
    [
        ("by the percentage", "20", {}, 20, 24),
        ("rounded up, so that small values move", "11", {}, 10, 13),
        ("at least one step", "10", {"step": 5}, 1, 15),
        ("on the grid that starts at min", "20", {"step": 7}, 20, 24),
        ("from beside the grid onto it", "12", {"step": 5}, 10, 15),
        ("never above max", "90", {}, 20, 100),
        ("never above the last grid point below max", "20", {"max": 29, "step": 6}, 100, 28),
        ("spaces around are no part of it", " 20\n", {}, 20, 24),
        ("at max there is nowhere to go", "100", {}, 20, Reason.AT_MAXIMUM),
        ("at the last grid point neither", "25", {"max": 29, "step": 5}, 20, Reason.AT_MAXIMUM),
        ("below min is not ours to touch", "9", {}, 20, Reason.OUT_OF_BOUNDS),
        ("above max neither", "101", {}, 20, Reason.OUT_OF_BOUNDS),
        ("within bounds that allow nothing", "20", {"min": 30, "max": 25}, 20, Reason.OUT_OF_BOUNDS),
        ("zero can be raised", "0", {"min": 0}, 50, 1),
        ("not a number", "ten", {}, 20, Reason.VALUE_UNREADABLE),
        ("a fraction", "20.5", {}, 20, Reason.VALUE_UNREADABLE),
        ("a negative number", "-20", {}, 20, Reason.VALUE_UNREADABLE),
        ("nothing", "", {}, 20, Reason.VALUE_UNREADABLE),
        ("a digit that is no decimal", "²", {}, 20, Reason.VALUE_UNREADABLE),
        ("more digits than any number needs", "9" * 5000, {}, 20, None),
    ],
)
def test_the_value_a_tunable_is_raised_to(
    why: str, current: str, bounds: dict[str, int], percent: int, expected: int | Reason | None
) -> None:
    made = target_value(current, Tunable.model_validate(g.TUNABLE | bounds), percent)
    if isinstance(expected, int):
        assert made == expected, why
    else:
        assert isinstance(made, Impossible), why
        assert expected is None or made.reason is expected
        assert "pool-size" in made.message


@given(st.integers(0, 300), st.integers(0, 200), st.integers(0, 200), st.integers(1, 60), st.integers(1, 100))
def test_a_raised_value_is_larger_within_bounds_and_on_the_grid(
    current: int, low: int, high: int, step: int, percent: int
) -> None:
    bounds = {"min": low, "max": high, "step": step}
    made = target_value(str(current), Tunable.model_validate(g.TUNABLE | bounds), percent)
    if isinstance(made, int):
        assert low <= current < made <= high
        assert (made - low) % step == 0
        assert made <= max(-(-current * (100 + percent) // 100), current + step)
        assert made <= max(2 * current, step)
    else:
        assert made.reason in {Reason.OUT_OF_BOUNDS, Reason.AT_MAXIMUM, Reason.CEILING_REACHED}


# ------------------------------------------------------------------ the plan


def touched(change: Change) -> list[tuple[str, str, list[tuple[str, str | None, str | None]]]]:
    return [
        (step.object.kind, step.object.name, [(field.path, field.before, field.after) for field in step.fields])
        for step in change.restore_point
    ]


RESTART_FIELD = (RESTARTED_AT, None, format_time(g.NOW))
MARKER_FIELD = (MARKER_PATH, None, g.MARKER)


def test_tuning_a_config_map_key_writes_the_key_then_restarts_the_workload() -> None:
    change = g.change()
    assert touched(change) == [
        ("ConfigMap", "orders-config", [("/data/POOL_SIZE", "20", "24"), MARKER_FIELD]),
        ("Deployment", "orders", [RESTART_FIELD, MARKER_FIELD]),
    ]
    assert (change.from_, change.to, change.rollout, change.marker) == ("20", "24", True, g.MARKER)
    assert [step.uid for step in change.restore_point] == ["uid-config", g.UID]


def test_tuning_a_key_that_is_read_live_restarts_nothing() -> None:
    change = g.change(reload="Live")
    assert [kind for kind, _, _ in touched(change)] == ["ConfigMap"]
    assert not change.rollout


def test_tuning_an_env_value_is_one_write_that_also_makes_sure_it_is_still_the_same_container() -> None:
    base = "/spec/template/spec/containers/1"
    change = g.change(**ENV)
    assert touched(change) == [
        (
            "Deployment",
            "orders",
            [
                (f"{base}/name", "app", "app"),
                (f"{base}/env/1/name", "POOL", "POOL"),
                (f"{base}/env/1/value", "20", "24"),
                MARKER_FIELD,
            ],
        )
    ]
    assert change.rollout


@pytest.mark.parametrize("kind", list(WorkloadKind))
def test_a_restart_touches_the_pod_templates_annotation_and_our_marker(kind: WorkloadKind) -> None:
    change = g.change(action=RESTART, kind=kind)
    assert touched(change) == [(kind.value, "orders", [RESTART_FIELD, MARKER_FIELD])]
    assert (change.from_, change.rollout) == ("never", True)


def test_a_restart_remembers_the_restart_before_it() -> None:
    before = {"spec": {"template": {"metadata": {"annotations": {Annotation.RESTARTED_AT: "2026-01-01T00:00:00Z"}}}}}
    change = g.change(raw=g.deployment(**before), action=RESTART)
    assert change.from_ == "2026-01-01T00:00:00Z"
    assert change.restore_point[0].fields[0].before == "2026-01-01T00:00:00Z"


ON_DELETE = g.deployment(spec={"updateStrategy": {"type": "OnDelete"}})
ROLLING = g.deployment(spec={"updateStrategy": {"type": "RollingUpdate"}})
STS = WorkloadKind.STATEFUL_SET


@g.table(
    ("why", "settings", "reason", "said"),
    [
        (
            "a restart of what does not roll",
            {"action": RESTART, "raw": ON_DELETE, "kind": STS},
            "ROLLOUT_IMPOSSIBLE",
            "OnDelete",
        ),
        ("a tuning that needs a restart of it", {"raw": ON_DELETE, "kind": STS}, "ROLLOUT_IMPOSSIBLE", "OnDelete"),
        ("a tunable no policy names", {"name": "threads"}, "TUNABLE_UNKNOWN", "threads"),
        ("a ConfigMap that is not there", {"has_config": False}, "VALUE_MISSING", "orders-config"),
        ("a key that is not there", {"config": g.config_map(data={"POOL_SIZE": None})}, "VALUE_MISSING", "POOL_SIZE"),
        ("a ConfigMap without data", {"config": g.config_map(data=None)}, "VALUE_MISSING", "POOL_SIZE"),
        ("a ConfigMap that cannot change", {"config": g.config_map(immutable=True)}, "VALUE_MISSING", "immutable"),
        ("a value that is no number", {"config": g.config_map("many")}, "VALUE_UNREADABLE", "'many'"),
        ("a value at its bound", {"config": g.config_map("100")}, "AT_MAXIMUM", "100"),
        (
            "a container that is not there",
            {"location": {"configMapKey": None, "env": {"container": "web", "name": "POOL"}}},
            "VALUE_MISSING",
            "container web",
        ),
        (
            "a variable of another container",
            {"location": {"configMapKey": None, "env": {"container": "proxy", "name": "POOL"}}},
            "VALUE_MISSING",
            "container proxy",
        ),
    ],
)
def test_a_change_that_cannot_be_made_says_why(why: str, settings: dict[str, Any], reason: str, said: str) -> None:
    made = g.planned(**settings)
    assert isinstance(made, Impossible), why
    assert made.reason is Reason[reason]
    assert said in made.message


def test_a_variable_that_comes_from_elsewhere_is_not_tuned() -> None:
    raw = g.deployment()
    raw["spec"]["template"]["spec"]["containers"][1]["env"][1] = {"name": "POOL", "valueFrom": {}}
    made = g.planned(raw, **ENV)
    assert isinstance(made, Impossible)
    assert made.reason is Reason.VALUE_MISSING


@pytest.mark.parametrize("settings", [{"raw": ROLLING, "kind": STS}, {"raw": ON_DELETE, "kind": STS, "reload": "Live"}])
def test_a_stateful_set_that_rolls_or_need_not_is_tuned(settings: dict[str, Any]) -> None:
    assert isinstance(g.planned(**settings), Change)


# ------------------------------------------------------------------ there and back

PLANS: list[tuple[str, dict[str, Any]]] = [
    ("a ConfigMap key and a restart", {}),
    ("an env value", ENV),
    ("a restart", {"action": RESTART}),
    ("without annotations", {"raw": g.deployment(metadata={"annotations": None}), "action": RESTART}),
    ("an annotated ConfigMap", {"config": g.config_map(metadata={"annotations": {"a": "b"}})}),
    (
        "restarted and marked before",
        {
            "action": RESTART,
            "raw": g.deployment(
                metadata={"annotations": {Annotation.MARKER: "older"}},
                spec={"template": {"metadata": {"annotations": {Annotation.RESTARTED_AT: "then", "x": "y"}}}},
            ),
        },
    ),
    ("a value with a newline", {"config": g.config_map("20\n")}),
    (
        "a key with slash and tilde",
        {
            "location": {"configMapKey": {"name": "orders-config", "key": "a/b~c~1"}},
            "config": g.config_map(data={"a/b~c~1": "20"}),
        },
    ),
]


def objects(settings: dict[str, Any]) -> dict[str, Raw]:
    return {"ConfigMap": settings.get("config") or g.config_map(), "Deployment": settings.get("raw") or g.deployment()}


@g.table(("why", "settings"), PLANS)
def test_forward_then_inverse_gives_back_the_same_bytes(why: str, settings: dict[str, Any]) -> None:
    for step in g.change(**settings).restore_point:
        before = objects(settings)[step.object.kind]
        after = applied(before, patch(step, before))
        assert state_of(step, before) is StepState.PRISTINE, why
        assert state_of(step, after) is StepState.APPLIED
        assert stored(after) != stored(before)
        back = applied(after, patch(step, after, inverse=True))
        assert state_of(step, back) is StepState.PRISTINE
        assert stored(back) == stored(before)


@g.table(("why", "settings"), PLANS)
def test_a_patch_touches_nothing_but_the_recorded_fields(why: str, settings: dict[str, Any]) -> None:
    for step in g.change(**settings).restore_point:
        before = objects(settings)[step.object.kind]
        after = g.merged(applied(before, patch(step, before)), {})
        for field in step.fields:
            assert look_up(after, field.path) == field.after, why
        undone = applied(after, patch(step, after, inverse=True))
        assert set(undone["metadata"]) - {"annotations"} == set(before["metadata"]) - {"annotations"}


def insisted_on(operations: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """What of an object's metadata a patch insists on."""
    return {
        (op["path"].rsplit("/", 1)[1], op["value"])
        for op in operations
        if op["op"] == "test" and "/metadata/" in op["path"]
    }


@g.table(("why", "settings"), PLANS)
@pytest.mark.parametrize("inverse", [False, True])
def test_a_patch_does_not_apply_to_an_object_that_moved_on(why: str, settings: dict[str, Any], inverse: bool) -> None:
    for step in g.change(**settings).restore_point:
        before = objects(settings)[step.object.kind]
        seen = applied(before, patch(step, before)) if inverse else before
        operations = patch(step, seen, inverse=inverse)
        for meta in ({"resourceVersion": "9999"}, {"uid": "another"}):
            with pytest.raises(jsonpatch.JsonPatchTestFailed):
                applied(g.merged(dict(seen), {"metadata": meta}), operations)
        assert {("uid", step.uid), ("resourceVersion", seen["metadata"]["resourceVersion"])} <= insisted_on(
            operations
        ), why


@g.table(("why", "settings"), PLANS)
def test_every_test_comes_before_every_write(why: str, settings: dict[str, Any]) -> None:
    for step in g.change(**settings).restore_point:
        verbs = [operation["op"] for operation in patch(step, objects(settings)[step.object.kind])]
        assert verbs.index(next(verb for verb in verbs if verb != "test")) == verbs.count("test"), why


def test_a_patch_does_not_apply_where_a_touched_value_differs_even_at_the_same_version() -> None:
    step = g.change().restore_point[0]
    before = g.config_map()
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        applied(g.config_map("21"), patch(step, before))


KEYS = st.text("ab/~01.-", min_size=1, max_size=6)
VALUES = st.text(max_size=8)


@given(
    st.dictionaries(KEYS, VALUES, min_size=1, max_size=5),
    st.one_of(st.none(), st.dictionaries(KEYS, VALUES, max_size=3)),
    st.data(),
)
def test_whatever_the_keys_and_values_the_way_back_restores_the_bytes(
    data: dict[str, str], annotations: dict[str, str] | None, draw: st.DataObject
) -> None:
    raw = g.config_map(data=None, metadata={"annotations": annotations}) | {"data": data}
    key, marker = draw.draw(st.sampled_from(sorted(data))), draw.draw(KEYS)
    after = draw.draw(VALUES.filter(lambda value: value != data[key]))
    marked = pointer("metadata", "annotations", marker)
    fields = (
        FieldValue(path=pointer("data", key), before=data[key], after=after),
        FieldValue(path=marked, before=(annotations or {}).get(marker), after="uid"),
    )
    step = Step(object=ObjectRef(kind="ConfigMap", name="c"), uid="uid-config", fingerprint="version/55", fields=fields)
    there = applied(raw, patch(step, raw))
    assert there["data"] == data | {key: after}
    assert there["metadata"]["annotations"] == (annotations or {}) | {marker: "uid"}
    assert stored(applied(there, patch(step, there, inverse=True))) == stored(raw)


@given(st.lists(st.text("a/~01", max_size=4), min_size=1, max_size=4))
def test_a_pointer_leads_to_what_it_was_made_of(parts: list[str]) -> None:
    raw: Any = "found"
    for part in reversed(parts):
        raw = {part: raw}
    assert look_up(raw, pointer(*parts)) == "found"


@pytest.mark.parametrize("path", ["/a/b", "/l/2", "/l/x", "/l/-1", "/s/0", "/nothing"])
def test_where_a_pointer_leads_nowhere_there_is_nothing(path: str) -> None:
    assert look_up({"a": {}, "l": [1, 2], "s": "text"}, path) is None


# ------------------------------------------------------------------ how an object stands


KEY_STEP = g.change().restore_point[0]
DONE = applied(g.config_map(), patch(KEY_STEP, g.config_map()))
LATER = {"metadata": {"annotations": {"vanguard.dev/intervention": "uid-of-a-later-one"}}}


@g.table(
    ("why", "raw", "state"),
    [
        ("as it was", g.config_map(), StepState.PRISTINE),
        ("as it was, another field changed", g.config_map(data={"OTHER": "y"}), StepState.PRISTINE),
        ("as we made it", DONE, StepState.APPLIED),
        ("as we made it, another field changed", g.merged(DONE, {"data": {"OTHER": "y"}}), StepState.APPLIED),
        ("another value", g.merged(DONE, {"data": {"POOL_SIZE": "30"}}), StepState.DRIFTED),
        ("our value without our marker", g.config_map("24"), StepState.DRIFTED),
        ("our value, marked by another", g.merged(DONE, LATER), StepState.DRIFTED),
        ("our marker, the old value", g.merged(DONE, {"data": {"POOL_SIZE": "20"}}), StepState.DRIFTED),
        ("the key gone", g.merged(DONE, {"data": {"POOL_SIZE": None}}), StepState.DRIFTED),
        ("deleted", None, StepState.GONE),
        ("made anew under the same name", g.config_map(metadata={"uid": "another"}), StepState.GONE),
    ],
)
def test_how_an_object_stands_to_a_step(why: str, raw: Raw | None, state: StepState) -> None:
    assert state_of(KEY_STEP, raw) is state, why


@g.table(("value", "state"), [("24", StepState.APPLIED), ("20", StepState.PRISTINE), ("30", StepState.DRIFTED)])
def test_of_what_was_kept_the_mark_of_a_later_intervention_does_not_count(value: str, state: StepState) -> None:
    raw = g.merged(DONE, {**LATER, "data": {"POOL_SIZE": value}})
    assert state_of(KEY_STEP, raw, kept=True) is state


def test_undoing_leaves_the_mark_of_a_later_intervention_as_it_is() -> None:
    marked = g.merged(DONE, LATER)
    undone = applied(marked, patch(KEY_STEP, marked, inverse=True))
    assert undone["data"]["POOL_SIZE"] == "20"
    assert undone["metadata"]["annotations"]["vanguard.dev/intervention"] == "uid-of-a-later-one"


def test_an_env_value_that_moved_to_another_place_is_drift() -> None:
    step = g.change(**ENV).restore_point[0]
    raw = g.deployment()
    raw["spec"]["template"]["spec"]["containers"].reverse()
    assert state_of(step, raw) is StepState.DRIFTED


@g.table(
    ("why", "settings", "raw", "untouched"),
    [
        ("a ConfigMap at the same version", {}, g.config_map(), True),
        ("a ConfigMap written since", {}, g.config_map(metadata={"resourceVersion": "56"}), False),
        ("a workload at the same generation", {"action": RESTART}, g.deployment(), True),
        (
            "a workload whose controller wrote its status",
            {"action": RESTART},
            g.deployment(metadata={"resourceVersion": "101"}),
            True,
        ),
        ("a workload with a newer spec", {"action": RESTART}, g.deployment(metadata={"generation": 8}), False),
    ],
)
def test_whether_a_write_certainly_never_landed(why: str, settings: dict[str, Any], raw: Raw, untouched: bool) -> None:
    assert never_landed(g.change(**settings).restore_point[0], raw) is untouched, why


def test_a_change_survives_being_recorded() -> None:
    for _, settings in PLANS:
        change = g.change(**settings)
        assert Change.model_validate(change.wire()) == change


ODD = "x" * 300


@g.table(
    ("why", "settings"),
    [
        ("a number amid 300 spaces", {"config": g.config_map("20" + " " * 300)}),
        ("a number amid 5000 spaces", {"config": g.config_map("20" + " " * 5000)}),
        (
            "a restart annotation nobody would write",
            {
                "action": RESTART,
                "raw": g.deployment(spec={"template": {"metadata": {"annotations": {Annotation.RESTARTED_AT: ODD}}}}),
            },
        ),
        (
            "a marker of 5000 characters",
            {"config": g.config_map(metadata={"annotations": {Annotation.MARKER: ODD * 17}})},
        ),
    ],
)
def test_odd_text_in_an_object_gives_a_change_or_a_reason_never_an_error(why: str, settings: dict[str, Any]) -> None:
    made = g.planned(**settings)
    assert isinstance(made, Change | Impossible), why
    if isinstance(made, Change):
        assert Change.model_validate(made.wire()) == made
