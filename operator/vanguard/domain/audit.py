"""The archive: what was done is written down in git, once when it was kept and once when that was undone later."""

from datetime import datetime

import yaml

from vanguard.api.base import API_VERSION, ActionType, format_time
from vanguard.api.intervention import CommitPurpose, CommitRecord, InterventionStatus, Phase
from vanguard.api.kinds import Intervention
from vanguard.api.repositories import AuditSpec
from vanguard.domain.telling import flat, lines
from vanguard.domain.trailers import signed

AUDITS = (CommitPurpose.AUDIT, CommitPurpose.AUDIT_OF_UNDO)
_SUBJECT = 120


def with_audit(
    old: InterventionStatus, new: InterventionStatus, audit: AuditSpec | None, now: datetime
) -> InterventionStatus:
    """The status to be recorded, with a commit called for where the move is one that is written down."""
    known = {record.purpose: record for record in new.commits}
    if new.phase is old.phase:
        return new
    if new.phase is Phase.SUCCEEDED and audit is not None and CommitPurpose.AUDIT not in known:
        made = CommitRecord(purpose=CommitPurpose.AUDIT, repository=audit.repository, at=now)
    elif new.phase is Phase.ROLLED_BACK and CommitPurpose.AUDIT in known:
        where = known[CommitPurpose.AUDIT].repository
        made = CommitRecord(purpose=CommitPurpose.AUDIT_OF_UNDO, repository=where, at=now)
    else:
        return new
    return new.model_copy(update={"commits": (*new.commits, made)})


def subject(iv: Intervention, purpose: CommitPurpose) -> str:
    """What was done to what, and what for, in one line."""
    what, change = iv.spec.target.name, iv.status.change
    verb = "Restart" if iv.spec.action.type is ActionType.RESTART_ROLLOUT else "Increase"
    if purpose in (CommitPurpose.UNDO, CommitPurpose.AUDIT_OF_UNDO):
        verb = f"Undo {verb.lower()} of"
    if iv.spec.action.tunable and change is not None:
        forth = (change.from_, change.to) if not verb.startswith("Undo") else (change.to, change.from_)
        what += f" {iv.spec.action.tunable} {'→'.join(value.strip() for value in forth)}"
    if verb.startswith("Undo"):
        undo = iv.status.undo
        return flat(f"auto: {verb} {what}{f' ({undo.reason})' if undo else ''}", _SUBJECT)
    return flat(f"auto: {verb} {what} to prevent {iv.spec.pattern.name.replace('-', ' ')}", _SUBJECT)


def message(iv: Intervention, purpose: CommitPurpose) -> str:
    """The whole message: subject; who, when and why; trailers."""
    status, approval = iv.status, iv.spec.approval
    undo = status.undo
    facts = [
        *(line for line in lines(iv, status) if not line.startswith(("Undo:", "Nothing", "Look:"))),
        f"Who: Vanguard, as the policies {', '.join(status.policies) or '-'} let it"
        + (f", {approval.verdict.lower()} by {approval.by}: {approval.reason}" if approval else ""),
        f"When: decided {_time(status.decided_at)}, in place {_time(status.applied_at)}"
        + (f", undone from {_time(undo.started_at)} for {undo.reason}: {undo.message}" if undo else ""),
        f"Undo: vanguard rollback {iv.metadata.name} -n {iv.metadata.namespace} --reason '...'",
    ]
    body = "\n".join(flat(fact) for fact in facts)
    return signed(f"{subject(iv, purpose)}\n\n{body}", iv.metadata.uid, purpose)


def _time(at: datetime | None) -> str:
    return format_time(at) if at else "not yet"


def path(iv: Intervention, audit: AuditSpec) -> str:
    """The record's file."""
    return "/".join(filter(None, (audit.path, iv.metadata.namespace, f"{iv.metadata.name}.yaml")))


def text(iv: Intervention) -> str:
    """The record: all of the Intervention as it is now."""
    meta = iv.metadata
    born = {"creationTimestamp": format_time(meta.creation_timestamp)} if meta.creation_timestamp else {}
    body = {
        "apiVersion": API_VERSION,
        "kind": "Intervention",
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid, **born},
        "spec": iv.spec.wire(),
        "status": iv.status.wire(),
    }
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)
