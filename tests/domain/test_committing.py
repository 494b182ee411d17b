"""A change by commit: what it keeps of the direct one, and how it stands between the file and the object."""

from typing import Any

import pytest

from tests.domain import given as g
from tests.domain.given import table
from vanguard.api.intervention import Change, CommitPurpose, Step
from vanguard.api.policy import Tunable
from vanguard.api.reasons import Reason
from vanguard.api.repositories import RepositorySpec
from vanguard.domain import audit
from vanguard.domain.change import Impossible, StepState, is_marker
from vanguard.domain.committing import File, by_commit, reverted, standing, unwritten
from vanguard.domain.trailers import signature, signed

TEXT = "kind: ConfigMap\nmetadata: {name: orders-config}\ndata: {POOL_SIZE: '20'}\n"
LIVE: dict[str, Any] = {"reload": "Live"}
ENV: dict[str, Any] = {"location": {"configMapKey": None, "env": {"container": "app", "name": "POOL"}}}
SPEC = RepositorySpec(name="deploy", url="/srv/x", namespaces=frozenset({"shop"}), path_prefix="apps")
DECLARED: dict[str, Any] = {"gitOps": {"repository": "deploy", "path": "apps/orders.yaml"}}


def tunable(**changes: Any) -> Tunable:
    return g.consent(workloads=g.tunable(**{**DECLARED, **changes})).tunables["pool-size"]


def committed(text: str | None = TEXT, *, spec: RepositorySpec | None = SPEC, **changes: Any) -> Change | Impossible:
    return by_commit(g.change(**changes), tunable(**changes), "shop", spec, text)


def test_it_is_the_same_change_without_our_marker_and_says_where() -> None:
    made, direct = committed(**LIVE), g.change(**LIVE)
    assert isinstance(made, Change)
    assert made.commit is not None
    assert (made.commit.repository, made.commit.branch, made.commit.path) == ("deploy", "main", "apps/orders.yaml")
    (step,), (was,) = made.restore_point, direct.restore_point
    assert step.fields == tuple(field for field in was.fields if not is_marker(field))
    assert (made.from_, made.to, made.marker, made.rollout) == (direct.from_, direct.to, direct.marker, False)
    assert made.summary == "pool-size 20 -> 24 by a commit to apps/orders.yaml of repository deploy"


def test_an_env_value_rolls_by_itself() -> None:
    text = """kind: Deployment
metadata: {name: orders}
spec: {template: {spec: {containers: [{name: app, env: [{name: POOL, value: "20"}]}]}}}
"""
    made = committed(text, **ENV)
    assert isinstance(made, Change)
    assert made.rollout
    assert len(made.restore_point) == 1


@table(
    ("why", "changes", "reason"),
    [
        ("a restart that no commit makes", {}, Reason.ROLLOUT_IMPOSSIBLE),
        ("an unknown repository", LIVE | {"spec": None}, Reason.REPOSITORY_NOT_ALLOWED),
        ("another namespace's repository", LIVE | {"spec": SPEC.model_copy(update={"namespaces": frozenset()})},
         Reason.REPOSITORY_NOT_ALLOWED),
        ("a path outside the prefix", LIVE | {"gitOps": {"repository": "deploy", "path": "apps2/x.yaml"}},
         Reason.REPOSITORY_NOT_ALLOWED),
        ("no file", LIVE | {"text": None}, Reason.NOT_IN_GIT),
        ("no value", LIVE | {"text": "a: b"}, Reason.NOT_IN_GIT),
        ("another value", LIVE | {"text": TEXT.replace("20", "21")}, Reason.NOT_SYNCED),
    ],
)  # fmt: skip
def test_why_it_cannot_be_committed(why: str, changes: dict[str, Any], reason: Reason) -> None:
    found = committed(**changes)
    assert isinstance(found, Impossible), why
    assert found.reason is reason


@pytest.mark.parametrize(
    "path", ["../x.yaml", "/x.yaml", "a/../x.yaml", ".git/config", "a//x.yaml", "a/./x", "a/.x", ""]
)
def test_a_policy_cannot_name_a_file_elsewhere(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        tunable(gitOps={"repository": "deploy", "path": path})


# ------------------------------------------------------------------ how it stands

NOT_YET: dict[CommitPurpose, str] = {}
DONE = {CommitPurpose.CHANGE: "1"}
BOTH = {**DONE, CommitPurpose.UNDO: "2"}
P, A, R, L, D, G = (
    StepState.PRISTINE, StepState.APPLIED, StepState.ARRIVING, StepState.LEAVING, StepState.DRIFTED, StepState.GONE
)  # fmt: skip


def step() -> Step:
    made = committed(**LIVE)
    assert isinstance(made, Change)
    return made.restore_point[0]


@table(
    ("why", "file", "ours", "live", "expected"),
    [
        ("nothing done", "20", NOT_YET, "20", P),
        ("committed, not yet carried on", "24", DONE, "20", R),
        ("committed and carried on", "24", DONE, "24", A),
        ("undone, not yet carried on", "20", BOTH, "24", L),
        ("undone and carried on", "20", BOTH, "20", P),
        ("reverted by somebody, not yet carried on", "20", DONE, "24", L),
        ("reverted by somebody", "20", DONE, "20", P),
        ("undone, and made again by somebody", "24", BOTH, "24", D),
        ("made by somebody else", "24", NOT_YET, "24", D),
        ("the object changed by hand", "20", NOT_YET, "24", D),
        ("another value in the file", "30", DONE, "24", D),
        ("another value on the object", "24", DONE, "30", D),
        ("no value in the file", None, DONE, "24", D),
        ("the object is gone", "24", DONE, None, G),
    ],
)
def test_how_it_stands_follows_from_both_places(
    why: str, file: str | None, ours: dict[CommitPurpose, str], live: str | None, expected: StepState
) -> None:
    raw = None if live is None else g.config_map(live)
    assert standing(step(), raw, File(file, ours)) is expected, why


def test_without_a_file_it_stands_as_its_object_does() -> None:
    direct = g.change(**LIVE).restore_point[0]
    assert standing(direct, g.config_map(), None) is P
    assert standing(direct, g.config_map("30"), None) is D
    assert unwritten(direct, g.config_map(), None)
    assert not reverted(direct, g.config_map(), None)


def test_what_was_written_and_what_was_reverted_is_read_from_the_branch() -> None:
    raw = g.config_map(resourceVersion="999")
    assert unwritten(step(), raw, File("20", NOT_YET))
    assert not unwritten(step(), raw, File("20", DONE))
    assert reverted(step(), raw, File("20", DONE))
    assert not reverted(step(), raw, File("20", BOTH))
    assert not reverted(step(), raw, File("24", DONE))


# ------------------------------------------------------------------ what a commit says


def test_a_signature_is_read_back_and_a_quoted_one_is_none() -> None:
    message = signed("auto: x\n\nbody", "uid", CommitPurpose.UNDO)
    assert signature(message) == ("uid", CommitPurpose.UNDO)
    assert signature(f'Revert "{message}"\n\nThis reverts commit 1234.') is None
    assert signature("by hand") is None
    assert signature("x\n\nVanguard-Intervention: uid\nVanguard-Write: Anything") is None


def test_a_subject_is_one_line_whatever_the_values_hold() -> None:
    change = g.change(config=g.config_map("20\n"))
    iv = g.intervention(change=change)
    assert audit.subject(iv, CommitPurpose.CHANGE) == "auto: Increase orders pool-size 20→24 to prevent pool"
    assert audit.subject(iv, CommitPurpose.UNDO) == "auto: Undo increase of orders pool-size 24→20"
    for purpose in CommitPurpose:
        assert signature(audit.message(iv, purpose)) == (g.MARKER, purpose)
        assert audit.message(iv, purpose).split("\n")[1] == ""
