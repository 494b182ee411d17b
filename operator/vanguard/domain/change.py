"""Changes: what an action would write, where, and how it is taken back.

A change is a list of steps, each one write to one object with the exact fields it touches, before and after.
Forward and inverse patch follow from the fields; whether a step is done is read from the object, never remembered.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from vanguard.api.base import ActionType, Annotation, WorkloadKind, format_time
from vanguard.api.intervention import Change, FieldValue, ObjectRef, RequestedAction, Step
from vanguard.api.policy import ConfigMapKey, EnvVar, Reload, Tunable
from vanguard.api.reasons import Reason
from vanguard.domain.ceiling import Place, Raise, base_of, highest
from vanguard.domain.workload import Raw, Workload

CONFIG_MAP = "ConfigMap"
Operation = dict[str, Any]
# A value in a ConfigMap often ends with a newline; it is put back with it.
_WHOLE_NUMBER = re.compile(r"\s{0,8}[0-9]{1,12}\s{0,8}", re.ASCII)


@dataclass(frozen=True)
class Impossible:
    """Why a change cannot be made."""

    reason: Reason
    message: str


def pointer(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901) from its unescaped parts."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def look_up(raw: Any, path: str) -> Any:
    """The value at a JSON pointer, or None where there is none."""
    for part in path.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(raw, Mapping):
            raw = raw.get(key)
        elif isinstance(raw, Sequence) and not isinstance(raw, str) and key.isdigit() and int(key) < len(raw):
            raw = raw[int(key)]
        else:
            return None
    return raw


def fingerprint(raw: Raw, kind: str) -> str:
    """What surely changes when our write lands: a workload's generation, any other object's resourceVersion.

    A workload's resourceVersion will not do: its controller writes status all the time.
    """
    meta = raw["metadata"]
    return f"generation/{meta['generation']}" if kind != CONFIG_MAP else f"version/{meta['resourceVersion']}"


class StepState(StrEnum):
    """How an object stands to a step.

    Where a change is a commit, another tool carries it to the object: it is Arriving, or (taken back) Leaving.
    """

    PRISTINE = "Pristine"
    ARRIVING = "Arriving"
    APPLIED = "Applied"
    LEAVING = "Leaving"
    DRIFTED = "Drifted"
    GONE = "Gone"


def state_of(step: Step, raw: Raw | None, *, kept: bool = False) -> StepState:
    """Whether a step is done, from the object as it is now.

    Args:
        step: what was recorded.
        raw: the object; None where it is gone.
        kept: whether the change was kept before: then the mark of a later Intervention, on other fields of the
            object, says nothing against ours.
    """
    if raw is None or raw["metadata"]["uid"] != step.uid:
        return StepState.GONE
    ours = [field for field in step.fields if not (kept and _marked_by_another(field, raw))]
    now = [look_up(raw, field.path) for field in ours]
    if now == [field.after for field in ours]:
        return StepState.APPLIED
    if now == [field.before for field in ours]:
        return StepState.PRISTINE
    return StepState.DRIFTED


def never_landed(step: Step, raw: Raw) -> bool:
    """Whether the forward write certainly has not happened yet: the object is as it was when the plan was made."""
    return fingerprint(raw, step.object.kind) == step.fingerprint


def taken_back(step: Step, raw: Raw) -> bool:
    """Whether somebody wrote since the plan was made and every value, our marker apart, is the one before."""
    ours = [field for field in step.fields if field.before != field.after and field.path != _MARKER_PATH]
    same = raw["metadata"]["uid"] == step.uid and all(look_up(raw, field.path) == field.before for field in ours)
    return bool(ours) and same and not never_landed(step, raw)


def patch(step: Step, raw: Raw, *, inverse: bool = False) -> list[Operation]:
    """The JSON patch that makes a step, or takes it back.

    Every value is tested before any is written, and so is the resourceVersion that was read: the patch applies to
    exactly the object that was looked at, or not at all; never to a successor of the same name. A marker that a later
    Intervention left stays as it is.
    """
    tests: list[Operation] = [
        _test(pointer("metadata", "resourceVersion"), raw["metadata"]["resourceVersion"]),
        _test(pointer("metadata", "uid"), step.uid),
    ]
    writes: list[Operation] = []
    made: set[str] = set()
    for field in step.fields:
        if inverse and _marked_by_another(field, raw):
            continue
        old, new = (field.after, field.before) if inverse else (field.before, field.after)
        if old is not None:
            tests.append(_test(field.path, old))
        if old != new:
            writes += _write(field.path, old, new, raw, made)
    return tests + writes


def _test(path: str, value: str) -> Operation:
    return {"op": "test", "path": path, "value": value}


def _write(path: str, old: str | None, new: str | None, raw: Raw, made: set[str]) -> list[Operation]:
    if new is None:
        return [{"op": "remove", "path": path}]
    if old is not None:
        return [{"op": "replace", "path": path, "value": new}]
    parent = path.rsplit("/", 1)[0]
    missing = look_up(raw, parent) is None and parent not in made
    made.add(parent)
    parents: list[Operation] = [{"op": "add", "path": parent, "value": {}}] if missing else []
    return [*parents, {"op": "add", "path": path, "value": new}]


def target_value(
    current: str, tunable: Tunable, increase_percent: int, raises: Iterable[Raise] = ()
) -> int | Impossible:
    """The value a tunable is raised to: by the percentage, at least one step, on the step grid.

    Never above its max, nor further above the value found at first than the policies allow in all.

    Args:
        current: the present value as text.
        tunable: its bounds.
        increase_percent: by how much.
        raises: earlier ones of this value that were not put back, newest first.
    """
    if not _WHOLE_NUMBER.fullmatch(current):
        return Impossible(Reason.VALUE_UNREADABLE, f"{tunable.name} is {current[:60]!r}; it must be a whole number")
    value = int(current)
    if not tunable.min <= value <= tunable.max:
        return Impossible(
            Reason.OUT_OF_BOUNDS,
            f"{tunable.name} is {value}; the policy's bounds are {tunable.min} to {tunable.max}",
        )
    wanted = max(-(-value * (100 + increase_percent) // 100), value + tunable.step)
    base, percent = base_of(raises, value), tunable.max_total_increase_percent
    ceiling = highest(base, percent, tunable.step)
    on_grid = tunable.min + (min(wanted, tunable.max, ceiling) - tunable.min) // tunable.step * tunable.step
    if on_grid > value:
        return on_grid
    if ceiling < tunable.max:
        return Impossible(
            Reason.CEILING_REACHED,
            f"{tunable.name} is {value} and was {base} before the operator's first raise; "
            f"maxTotalIncreasePercent {percent} allows at most {ceiling} in steps of {tunable.step}",
        )
    return Impossible(Reason.AT_MAXIMUM, f"{tunable.name} is {value}; the policy's max is {tunable.max}")


def plan(
    action: RequestedAction,
    workload: Workload,
    tunables: Mapping[str, Tunable],
    config_maps: Mapping[str, Raw | None],
    *,
    marker: str,
    now: datetime,
    raises: Sequence[Raise] = (),
) -> Change | Impossible:
    """The change an action means for a workload as it is now, with the way back.

    Args:
        action: what the pattern asks for.
        workload: the target.
        tunables: what the policies let be tuned, by name.
        config_maps: ConfigMaps the tunables name, as read; None for one that does not exist.
        marker: the Intervention's uid.
        now: the time a restart annotation will carry.
        raises: every earlier one that was not put back, newest first.
    """
    try:
        return _planned(action, workload, tunables, config_maps, marker, now, raises)
    except ValidationError as error:
        what = "; ".join(f"{problem['loc']}: {problem['msg']}" for problem in error.errors())
        return Impossible(Reason.VALUE_UNREADABLE, f"a present value cannot be kept to be put back: {what}"[:1000])


def _planned(
    action: RequestedAction,
    workload: Workload,
    tunables: Mapping[str, Tunable],
    config_maps: Mapping[str, Raw | None],
    marker: str,
    now: datetime,
    raises: Sequence[Raise],
) -> Change | Impossible:
    if action.type is ActionType.RESTART_ROLLOUT:
        if (refusal := _cannot_roll(workload)) is not None:
            return refusal
        restart = _restart(workload, marker, now)
        before = (_restarted_at(workload.raw) or "never")[:253]
        return _change("rolling restart", before, format_time(now), (restart,), marker, now, rollout=True)
    if action.type is not ActionType.TUNE_POOL:
        return Impossible(Reason.NOT_AUTOMATED, Reason.NOT_AUTOMATED.sentence)
    tunable = tunables.get(action.tunable or "")
    if tunable is None:
        known = ", ".join(sorted(tunables)) or "none"
        return Impossible(
            Reason.TUNABLE_UNKNOWN,
            f"no policy lets {action.tunable!r} be tuned on {workload.key}; tunables there: {known}",
        )
    return _tune(tunable, action.increase_percent or 0, workload, config_maps, marker, now, raises)


def _tune(
    tunable: Tunable,
    percent: int,
    workload: Workload,
    config_maps: Mapping[str, Raw | None],
    marker: str,
    now: datetime,
    raises: Sequence[Raise],
) -> Change | Impossible:
    located = _locate(tunable, workload, config_maps)
    if isinstance(located, Impossible):
        return located
    raw, kind, path, anchors = located
    current = look_up(raw, path)
    place = Place(workload.key.namespace, kind, raw["metadata"]["name"], path)
    mine = [one for one in raises if one.of(workload.key.uid, tunable.name, place)]
    value = target_value(str(current), tunable, percent, mine)
    if isinstance(value, Impossible):
        return value
    rollout = tunable.reload is Reload.RESTART
    if rollout and (refusal := _cannot_roll(workload)) is not None:
        return refusal
    fields = (*anchors, FieldValue(path=path, before=current, after=str(value)), _marker(raw, marker))
    steps = [_step(raw, kind, fields)]
    where = f"{kind} {raw['metadata']['name']}"
    if kind == CONFIG_MAP and rollout:
        steps.append(_restart(workload, marker, now))
        where += ", then a rolling restart"
    summary = f"{tunable.name} {current} -> {value} in {where}"
    return _change(summary, str(current), str(value), tuple(steps), marker, now, rollout=rollout)


def _change(
    summary: str,
    before: str,
    after: str,
    steps: tuple[Step, ...],
    marker: str,
    now: datetime,
    *,
    rollout: bool,
) -> Change:
    return Change(
        marker=marker,
        summary=summary,
        from_=before,
        to=after,
        rollout=rollout,
        taken_at=now,
        restore_point=steps,
    )


Located = tuple[Raw, str, str, tuple[FieldValue, ...]]


def _locate(tunable: Tunable, workload: Workload, config_maps: Mapping[str, Raw | None]) -> Located | Impossible:
    """Object, kind, pointer to the value, and fields that must stay as they are for the pointer to mean the same."""
    key, env = tunable.location.config_map_key, tunable.location.env
    if key is not None:
        return _locate_key(key, config_maps.get(key.name))
    return _locate_env(env, workload) if env is not None else _missing("location", "nothing")


def _missing(where: str, what: str) -> Impossible:
    return Impossible(Reason.VALUE_MISSING, f"{where} has no {what}")


def _locate_key(key: ConfigMapKey, raw: Raw | None) -> Located | Impossible:
    if raw is None:
        return Impossible(Reason.VALUE_MISSING, f"ConfigMap {key.name} does not exist")
    if raw.get("immutable"):
        return Impossible(Reason.VALUE_MISSING, f"ConfigMap {key.name} is immutable")
    if key.key not in raw.get("data", {}):
        return _missing(f"ConfigMap {key.name}", f"key {key.key}")
    return raw, CONFIG_MAP, pointer("data", key.key), ()


def _locate_env(env: EnvVar, workload: Workload) -> Located | Impossible:
    base = ("spec", "template", "spec", "containers")
    containers = workload.raw["spec"]["template"]["spec"]["containers"]
    for c, container in enumerate(containers):
        if container["name"] == env.container:
            for e, variable in enumerate(container.get("env", ())):
                if variable["name"] == env.name and "value" in variable:
                    anchors = (
                        _anchor(pointer(*base, c, "name"), env.container),
                        _anchor(pointer(*base, c, "env", e, "name"), env.name),
                    )
                    return (
                        workload.raw,
                        workload.key.kind.value,
                        pointer(*base, c, "env", e, "value"),
                        anchors,
                    )
    return _missing(f"{workload.key}", f"literal env {env.name} in container {env.container}")


def _anchor(path: str, value: str) -> FieldValue:
    return FieldValue(path=path, before=value, after=value)


_MARKER_PATH = pointer("metadata", "annotations", Annotation.MARKER)


def _marker(raw: Raw, marker: str) -> FieldValue:
    return FieldValue(path=_MARKER_PATH, before=look_up(raw, _MARKER_PATH), after=marker)


def is_marker(field: FieldValue) -> bool:
    """Whether a field is our mark and not part of what was asked for."""
    return field.path == _MARKER_PATH


def _marked_by_another(field: FieldValue, raw: Raw) -> bool:
    return is_marker(field) and look_up(raw, field.path) not in (None, field.before, field.after)


def _restarted_at(raw: Raw) -> str | None:
    value = look_up(raw, _RESTARTED_AT)
    return None if value is None else str(value)


_RESTARTED_AT = pointer("spec", "template", "metadata", "annotations", Annotation.RESTARTED_AT)


def _restart(workload: Workload, marker: str, now: datetime) -> Step:
    restarted = FieldValue(path=_RESTARTED_AT, before=_restarted_at(workload.raw), after=format_time(now))
    return _step(workload.raw, workload.key.kind.value, (restarted, _marker(workload.raw, marker)))


def _step(raw: Raw, kind: str, fields: tuple[FieldValue, ...]) -> Step:
    meta = raw["metadata"]
    return Step(
        object=ObjectRef(kind=kind, name=meta["name"]),
        uid=meta["uid"],
        fingerprint=fingerprint(raw, kind),
        fields=fields,
    )


def _cannot_roll(workload: Workload) -> Impossible | None:
    strategy = workload.raw["spec"].get("updateStrategy", {}).get("type")
    if workload.key.kind is WorkloadKind.STATEFUL_SET and strategy == "OnDelete":
        return Impossible(
            Reason.ROLLOUT_IMPOSSIBLE,
            f"{workload.key} has updateStrategy OnDelete; it does not roll by itself",
        )
    return None
