"""Documents are read as strictly as the operator reads them; faults are told with file, field, value and bound."""

from pathlib import Path

import pytest
import yaml

from tests.backtest.past import pattern, policy
from vanguard.backtest import documents
from vanguard.errors import DocumentError
from vanguard.ports import Raw

EXAMPLES = Path(__file__).parents[2] / "examples"


def filed(folder: Path, *raws: Raw, name: str = "all.yaml") -> Path:
    """A file of documents."""
    path = folder / name
    path.write_text(yaml.safe_dump_all(raws))
    return path


def test_one_directory_may_hold_both_and_other_kinds_besides(tmp_path: Path) -> None:
    filed(tmp_path, pattern(), policy("orders"), {"kind": "Service", "metadata": {"name": "x"}})

    assert [one.metadata.name for one in documents.patterns([tmp_path])] == ["pool"]
    assert [one.metadata.namespace for one in documents.policies([tmp_path])] == ["shop"]


def test_the_shipped_examples_are_read() -> None:
    files = [path for path in EXAMPLES.iterdir() if path.suffix == ".yaml"]

    assert len(documents.patterns(files)) == 2
    assert [one.metadata.name for one in documents.policies(files)] == ["shop"]


def without_namespace() -> Raw:
    raw = policy("orders")
    del raw["metadata"]["namespace"]
    return raw


def with_limit(limit: object) -> Raw:
    raw = pattern()
    raw["spec"]["signals"][0]["limit"] = limit
    return raw


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(with_limit("95x"), r"all\.yaml: IssuePattern pool: spec\.signals\.0\.limit is '95x'", id="text"),
        pytest.param(with_limit(95), "write it in quotes", id="a number that is not quoted"),
        pytest.param(pattern(trend={"minProbabilityPercent": 200}), "less than or equal to 99", id="above its bound"),
        pytest.param(pattern(colour="blue"), "spec.colour: Extra inputs are not permitted", id="an unknown field"),
        pytest.param({**pattern(), "apiVersion": "other/v1"}, "apiVersion is 'other/v1'", id="another group"),
    ],
)
def test_a_bad_pattern_is_told_with_file_field_and_value(tmp_path: Path, raw: Raw, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        documents.patterns([filed(tmp_path, raw)])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(without_namespace(), "metadata.namespace is missing", id="without a namespace"),
        pytest.param(policy("a", action={"maxPerDay": -1}), "maxPerDay is '-1'.*or equal to 0", id="below its bound"),
        pytest.param(policy("a", timeZone="Mars/Olympus"), "shop/shop: timeZone is 'Mars/Olympus'", id="no zone"),
        pytest.param(
            policy("a", windows=[{"name": "never", "schedule": "0 0 31 2 *", "duration": "1h"}]),
            r"windows\[never\].schedule is '0 0 31 2 \*'; it is no cron schedule",
            id="a window that never opens",
        ),
    ],
)
def test_a_bad_policy_is_told_with_file_field_and_value(tmp_path: Path, raw: Raw, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        documents.policies([filed(tmp_path, raw)])


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    filed(tmp_path, with_limit("x"), name="a.yaml")
    filed(tmp_path, pattern("b", severity="Awful"), name="b.yaml")

    with pytest.raises(DocumentError) as told:
        documents.patterns([tmp_path])
    assert [line.partition(": ")[0] for line in str(told.value).splitlines()] == [
        str(tmp_path / "a.yaml"),
        str(tmp_path / "b.yaml"),
    ]


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="there is another of this name"):
        documents.patterns([filed(tmp_path, pattern(), pattern())])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{", "is no YAML", id="no YAML"),
        pytest.param("- 1\n", "without a kind", id="no object"),
        pytest.param("kind: IssuePattern\n", "has no metadata.name", id="no name"),
        pytest.param("kind: Service\nmetadata: {name: x}\n", "no IssuePattern in", id="none of what is looked for"),
        pytest.param("# nothing\n", "no IssuePattern in", id="empty"),
    ],
)
def test_a_file_that_is_of_no_use_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)

    with pytest.raises(DocumentError, match=said):
        documents.patterns([path])


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="nowhere does not exist"):
        documents.patterns([tmp_path / "nowhere"])
    with pytest.raises(DocumentError, match="holds no file named"):
        documents.patterns([tmp_path])


def test_lists_as_kubectl_prints_them_are_taken_apart(tmp_path: Path) -> None:
    stamp = "2026-01-01T00:00:00Z"
    deployment = {"kind": "Deployment", "metadata": {"name": "a", "namespace": "shop", "creationTimestamp": stamp}}
    path = tmp_path / "list.yaml"
    secret = {"kind": "Secret", "metadata": {"name": "s"}}
    path.write_text(yaml.safe_dump({"kind": "List", "items": [deployment, secret]}))

    (found,) = documents.objects([path])
    assert (found["kind"], found["metadata"]["generation"]) == ("Deployment", 1)
