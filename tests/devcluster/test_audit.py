"""What counts as a write, and whose it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from devcluster import audit

OPERATOR = "system:serviceaccount:vanguard-system:vanguard"


def entry(**changes: Any) -> audit.Entry:
    plain: audit.Entry = {
        "stage": "ResponseComplete",
        "verb": "patch",
        "requestURI": "/apis/apps/v1/namespaces/shop/deployments/orders?fieldManager=vanguard",
        "user": {"username": OPERATOR},
        "objectRef": {"resource": "deployments", "namespace": "shop", "name": "orders", "apiGroup": "apps"},
        "responseStatus": {"code": 200},
    }
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        pytest.param({}, True, id="a patch is a write"),
        pytest.param({"verb": "deletecollection"}, True, id="deleting many is a write"),
        pytest.param({"responseStatus": {"code": 409}}, True, id="a refused write is an attempt to write"),
        pytest.param({"verb": "get"}, False, id="a read is none"),
        pytest.param({"stage": "Panic"}, False, id="only the last stage counts, so none counts twice"),
        pytest.param({"requestURI": "/x?a=b&dryRun=All"}, False, id="a dry run is none"),
        pytest.param({"requestURI": "/x?fieldManager=dryRun"}, True, id="a manager called dryRun is no dry run"),
        pytest.param(
            {"verb": "create", "objectRef": {"apiGroup": "authorization.k8s.io"}},
            False,
            id="asking may-I is none",
        ),
    ],
)
def test_counts_as_write(change: dict[str, Any], counts: bool) -> None:
    assert audit.is_write(entry(**change)) is counts


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ({"user": OPERATOR}, True),
        ({"user": "someone"}, False),
        ({"resource": "deployments", "namespace": "shop", "name": "orders", "verb": "patch"}, True),
        ({"subresource": ""}, True),
        ({"subresource": "status"}, False),
        ({"namespace": "other"}, False),
        ({"accepted": True}, True),
        ({"accepted": False}, False),
    ],
)
def test_selects_by_all_that_is_given(wanted: dict[str, Any], matches: bool) -> None:
    assert bool(audit.select([entry()], **wanted)) is matches


def test_reads_from_a_mark_on_and_leaves_out_a_half_written_line(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    assert audit.count_lines(log) == 0
    assert audit.read(log) == []
    log.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(3)) + '{"n": 3')
    assert audit.count_lines(log) == 3
    assert audit.read(log, since_line=2) == [{"n": 2}]
