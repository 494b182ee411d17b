"""`vanguard forecast` with a fake Prometheus: what it tells, what it draws, and what it says to bad input."""

import asyncio
import io
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from rich.console import Console

from tests.reconcilers import objects
from tests.reconcilers.fakes import FakeCluster
from tests.reconcilers.lookout import Lookout, calm, climbing, daily_peak
from vanguard.api.base import format_time
from vanguard.api.kinds import IssuePattern
from vanguard.cli import forecast as command
from vanguard.cli import targets
from vanguard.cli.main import main
from vanguard.cli.session import Session
from vanguard.domain.forecast import Forecaster

ORDERS = ("--pattern", objects.PATTERN, "--target", "shop/orders")
TREND = {"minSlopePerHour": "1", "emaConfirmation": True, "minZScore": "2.5"}


@pytest.fixture
def lookout(monkeypatch: pytest.MonkeyPatch) -> Lookout:
    """A Prometheus with some services, and a cluster that knows them; the command is given both."""
    made = Lookout()
    made.service("orders", climbing(made.onset, 5.0))
    made.service("storefront", daily_peak)
    made.service("young", lambda at: calm(at) if at > (made.begun - timedelta(hours=5)).timestamp() else None)
    made.pattern(trend=TREND)
    monkeypatch.setattr(command, "SystemClock", lambda: made.clock)
    monkeypatch.setattr(command, "PrometheusMetrics", lambda _: made.metrics)

    async def connected(_: Session, work: Any) -> Any:
        return await work(made.cluster)

    monkeypatch.setattr(Session, "_connected", connected)
    for name in [name for name in os.environ if name.startswith(("VANGUARD_", "PROMETHEUS_"))]:
        monkeypatch.delenv(name)
    return made


def say(*words: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["forecast", *words], env={"COLUMNS": "100", **(env or {})})


def flowing(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


def of(name: str, *words: str) -> Result:
    said = say("--pattern", objects.PATTERN, "--target", f"shop/{name}", *words)
    assert said.exit_code == 0, said.output
    return said


def test_a_climb_is_told_and_drawn(lookout: Lookout) -> None:
    text = of("orders").output
    told = flowing(text)
    assert "shop/orders" in told
    assert "a breach is foreseen: BreachForeseen" in told
    assert "signature matches: slope at least 1 per hour up: yes" in told
    assert "once this has held for 30m, an Intervention is opened" in told
    for word in ("level", "limit", "slope +5", "EMA", "z-score", "p(4 h)", "p(12 h)", "breach in"):
        assert word in told, word
    assert "WHAT SPOKE FOR (+) AND AGAINST (-)" in told
    assert "cone: straight from the present level to where the limit is reached" in told
    assert max(map(len, text.splitlines())) <= 100
    assert f"{lookout.clock.now():%Y-%m-%d %H:%M} UTC" in told


@pytest.mark.parametrize("columns", [80, 160])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_it_fits_the_terminal_and_its_encoding(lookout: Lookout, columns: int, encoding: str) -> None:
    pattern = IssuePattern.read(lookout.cluster.look("IssuePattern", "", objects.PATTERN))
    target = targets.Target("shop", "orders")
    asked = (lookout.metrics, lookout.context.settings, pattern, target, targets.known_by_name(target))
    every = asyncio.run(command.outlooks(*asked, Forecaster.load(), lookout.clock.now()))
    paper = io.BytesIO()
    page = io.TextIOWrapper(paper, encoding=encoding)
    command.show(Console(file=page, width=columns, highlight=False), pattern, every, "m/1", timedelta(days=1))
    page.flush()
    text = paper.getvalue().decode(encoding)
    lines = text.splitlines()
    assert max(map(len, lines)) <= columns
    assert max(map(len, lines[-20:])) > columns - 10, "the drawing uses the width there is"
    assert text.isascii() is (encoding != "utf-8")
    assert "\x1b" not in text


def test_a_look_alike_is_named_with_its_sentence_and_shows_the_days_before(lookout: Lookout) -> None:
    assert lookout
    told = flowing(of("storefront").output)
    assert "no alert: SeasonalRamp. It climbs like this at this time of day and came back every time." in told
    assert "no cone: no breach is foreseen" in told
    assert all(day in told for day in ("02 Mar", "03 Mar", "04 Mar"))


def test_a_refusal_is_named_with_its_sentence(lookout: Lookout) -> None:
    assert lookout
    told = flowing(of("young").output)
    assert "nothing can be said: InsufficientHistory. There is too little past" in told
    assert "not foreseen" in told


def test_json_says_the_same_for_programs(lookout: Lookout) -> None:
    said = json.loads(of("orders", "-o", "json").stdout)
    assert (said["pattern"], said["positive"], said["reason"]) == (objects.PATTERN, True, "BreachForeseen")
    assert said["series"] == {"namespace": "shop", "deployment": "orders"}
    assert said["at"] == format_time(lookout.clock.now())
    assert said["level"] == pytest.approx(84, abs=2)
    assert said["slopePerHour"] == pytest.approx(5, abs=0.3)
    assert list(said["breachProbability"]) == ["4h", "8h", "12h"]
    assert 0 < said["hoursToBreach"]["p10"] <= said["hoursToBreach"]["p50"] <= said["hoursToBreach"]["p90"] < 12
    assert all(one["met"] for one in said["signature"])
    assert {one["weight"] > 0 for one in said["spoken"]} == {True, False}
    quiet = json.loads(of("storefront", "-o", "json").stdout)
    assert (quiet["positive"], quiet["lookAlike"]) == (False, "SeasonalRamp")
    assert None in quiet["hoursToBreach"].values()


def test_it_says_what_the_detector_decided(lookout: Lookout) -> None:
    """The same series at the same time: the very figures of the Intervention."""
    lookout.policy("orders")
    lookout.cycle(4)
    (iv,) = lookout.opened
    assert iv.spec.evidence is not None
    said = json.loads(of("orders", "--at", format_time(iv.spec.evidence.at), "-o", "json").stdout)
    assert round(said["level"], 6) == float(iv.spec.cause.value)
    assert int(100 * said["breachProbability"]["12h"] + 1e-9) == iv.spec.cause.breach_percent_12h
    assert said["reason"] == iv.spec.evidence.reason


def test_an_earlier_time_knows_nothing_of_what_came_later(lookout: Lookout) -> None:
    """Before the climb began there was nothing to see, and no sample after that time is asked for."""
    before = lookout.onset - timedelta(minutes=10)
    lookout.metrics.asked.clear()
    said = json.loads(of("orders", "--at", format_time(before), "-o", "json").stdout)
    assert (said["positive"], said["reason"]) == (False, "BreachUnlikely")
    assert said["level"] == pytest.approx(45, abs=1)
    assert lookout.metrics.asked
    assert max(asked.end for asked in lookout.metrics.asked) <= before
    assert said["at"] == format_time(before)


def test_only_the_targets_namespace_is_asked_for(lookout: Lookout) -> None:
    lookout.metrics.asked.clear()
    of("orders")
    assert {'"namespace", "shop"' in asked.query for asked in lookout.metrics.asked} == {True}


def test_of_several_series_the_worst_speaks_and_the_others_are_listed(lookout: Lookout) -> None:
    for pod, value in (("orders-6d4b75cb6d-aaaaa", calm), ("orders-6d4b75cb6d-bbbbb", climbing(lookout.onset, 5.0))):
        labels = {"namespace": "shop", "pod": pod}
        lookout.metrics.sources.append(type(lookout.metrics.sources[0])("memory", labels, value))
        _pod(lookout.cluster, pod)
    signal = objects.signal(query="memory", target={"kind": "Deployment", "podLabel": "pod"})
    lookout.cluster.put("IssuePattern", "", objects.pattern(name="leak", signals=[signal]))
    said = say("--pattern", "leak", "--target", "orders", "-n", "shop")
    assert said.exit_code == 0, said.output
    assert '{namespace="shop", pod="orders-6d4b75cb6d-bbbbb"}' in flowing(said.output).split("level")[0]
    rest = said.output.split("THE TARGET'S OTHER SERIES")[1].split("\n\n")[0]
    assert "orders-6d4b75cb6d-aaaaa" in rest
    assert "bbbbb" not in rest
    assert "companions were not asked: its own pods; the operator will ask them" in flowing(said.output)
    assert "an Intervention is opened" not in said.output


def test_where_companions_would_be_heard_no_intervention_is_announced(lookout: Lookout) -> None:
    heard = [{"name": name, "role": "WorkRate", "query": "work"} for name in ("requests", "jobs")]
    lookout.cluster.put("IssuePattern", "", objects.pattern(name="asks", signals=[objects.signal(companions=heard)]))
    asked = ("--pattern", "asks", "--target", "shop/orders")
    text = flowing(say(*asked).output)

    assert "companions were not asked: requests, jobs; the operator will ask them before it acts" in text
    assert "an Intervention is opened" not in text
    assert json.loads(say(*asked, "-o", "json").stdout)["companionsNotAsked"] == ["requests", "jobs"]
    assert json.loads(of("orders", "-o", "json").stdout)["companionsNotAsked"] == []


def _pod(cluster: FakeCluster, name: str) -> None:
    uid = cluster.look("Deployment", "shop", "orders")["metadata"]["uid"]
    above = [{"kind": "Deployment", "name": "orders", "uid": uid, "controller": True}]
    if not any(raw["metadata"]["name"] == "orders-6d4b75cb6d" for raw in cluster.all("ReplicaSet")):
        meta = {"name": "orders-6d4b75cb6d", "namespace": "shop", "ownerReferences": above}
        cluster.put("ReplicaSet", "shop", {"metadata": meta})
    own = cluster.look("ReplicaSet", "shop", "orders-6d4b75cb6d")["metadata"]["uid"]
    owner = [{"kind": "ReplicaSet", "name": "orders-6d4b75cb6d", "uid": own, "controller": True}]
    cluster.put("Pod", "shop", {"metadata": {"name": name, "namespace": "shop", "ownerReferences": owner}})


def test_a_pattern_from_a_file_needs_no_cluster(
    lookout: Lookout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: Any) -> Any:
        raise AssertionError("a cluster was asked")

    monkeypatch.setattr(Session, "_connected", nobody)
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump_all([objects.policy(objects.CONFIG_MAP), objects.pattern(trend=TREND)]))
    said = say("--file", str(file), "--target", "shop/orders")
    assert said.exit_code == 0, said.output
    assert "BreachForeseen" in said.output
    assert lookout.cluster.writes == []


@pytest.mark.parametrize(
    ("kind", "pod", "mine"),
    [
        ("Deployment", "orders-6d4b75cb6d-x7k2p", True),
        ("Deployment", "orders-web-6d4b75cb6d-x7k2p", False),
        ("Deployment", "orders-0", False),
        ("Deployment", "my-orders-6d4b75cb6d-x7k2p", False),
        ("StatefulSet", "orders-12", True),
        ("StatefulSet", "orders-6d4b75cb6d-x7k2p", False),
        ("Deployment", "", False),
    ],
)
def test_without_a_cluster_pods_are_told_by_how_controllers_name_them(kind: str, pod: str, *, mine: bool) -> None:
    signal = objects.signal(target={"kind": kind, "podLabel": "pod"})
    read = IssuePattern.read(objects.pattern(signals=[signal]))
    belongs = targets.known_by_name(targets.Target("shop", "orders"))
    assert belongs(read.spec.signals[0], {"namespace": "shop", "pod": pod}) is mine
    assert not belongs(read.spec.signals[0], {"namespace": "bank", "pod": pod})


def test_a_picture_is_a_png_of_some_size(lookout: Lookout, tmp_path: Path) -> None:
    assert lookout
    for name in ("orders", "storefront", "young"):
        file = tmp_path / f"{name}.png"
        assert f"wrote {file}" in of(name, "--png", str(file)).output
        head = file.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(head[16:20], "big") > 1000


def test_without_matplotlib_it_says_what_to_install_before_anything_is_asked(
    lookout: Lookout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vanguard.cli.picture", None)
    said = say(*ORDERS, "--png", str(tmp_path / "x.png"))
    assert said.exit_code == 1
    assert "pip install 'vanguard-operator[png]'" in said.output
    assert lookout.metrics.asked == []


def test_no_command_loads_matplotlib_until_a_picture_is_asked_for() -> None:
    code = "import sys, vanguard.cli.main; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--pattern", "none", "--target", "shop/orders"), 1, "no IssuePattern none (--pattern); there are: pool-"),
        (("--pattern", objects.PATTERN, "--target", "shop/none"), 1, "no Deployment none in namespace shop (--target)"),
        (("--pattern", objects.PATTERN, "--target", "a/b/c"), 2, "--target is 'a/b/c'; write NAMESPACE/NAME or NAME"),
        (("--pattern", objects.PATTERN, "--target", "shop/"), 2, "--target is 'shop/'"),
        (("--target", "shop/orders"), 2, "--pattern or --file is needed"),
        (("--pattern", objects.PATTERN), 2, "Missing option '--target'"),
        ((*ORDERS, "--at", "noon"), 2, "'noon' is not an RFC 3339 time"),
        ((*ORDERS, "--at", "2026-01-01T00:00:00"), 2, "with a zone"),
        ((*ORDERS, "--at", "2040-01-01T00:00:00Z"), 2, "not be after"),
        ((*ORDERS, "--past", "9999h"), 2, "it must be from 1h to 192h"),
        ((*ORDERS, "--past", "1"), 2, "is not a duration"),
        ((*ORDERS, "--prometheus", "ftp:x"), 1, "--prometheus is ftp:x"),
        (("--file", "/nowhere.yaml", "--target", "shop/orders"), 1, "--file /nowhere.yaml: No such file"),
        ((*ORDERS, "--png", "/no/x.png"), 1, "--png /no/x.png: No such"),
    ],
)  # fmt: skip
def test_bad_input_is_told_with_its_name_and_value(
    lookout: Lookout, words: tuple[str, ...], code: int, told: str
) -> None:
    assert lookout
    said = say(*words)
    assert said.exit_code == code, said.output
    assert told in flowing(said.output)
    assert "Traceback" not in said.output


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("a: [", (), "is no YAML"),
        ("kind: Other", (), "holds not exactly one IssuePattern; it has: none"),
        (yaml.safe_dump_all([objects.pattern(name="a"), objects.pattern(name="b")]), (), "it has: a, b. Say which one"),
        (yaml.safe_dump(objects.pattern(name="a")), ("--pattern", "c"), "holds no IssuePattern c; it has: a"),
        (yaml.safe_dump(objects.pattern(severity="Awful")), (), "spec.severity"),
    ],
)
def test_a_file_that_will_not_do_is_told(
    lookout: Lookout, tmp_path: Path, text: str, words: tuple[str, ...], told: str
) -> None:
    assert lookout
    file = tmp_path / "p.yaml"
    file.write_text(text)
    said = say("--file", str(file), "--target", "shop/orders", *words)
    assert said.exit_code == 1
    assert told in flowing(said.output)


def test_a_target_without_series_is_told_what_there_is_instead(lookout: Lookout) -> None:
    lookout.cluster.put("Deployment", "shop", objects.workload("Deployment", "silent"))
    said = say("--pattern", objects.PATTERN, "--target", "shop/silent")
    assert said.exit_code == 1
    told = flowing(said.output)
    assert "no series of pattern pool-exhaustion belongs to Deployment shop/silent" in told
    assert "its query gives 3 series in this namespace, with deployment orders, storefront, young" in told


def test_a_prometheus_that_is_away_is_told_with_the_option_to_check(
    lookout: Lookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lookout
    monkeypatch.undo()
    monkeypatch.setattr(Session, "_connected", _only(lookout))
    url = "http://127.0.0.1:1"
    said = say(*ORDERS, "--prometheus", url)
    assert said.exit_code == 1
    told = flowing(said.output)
    assert f"Prometheus at {url} gave no answer" in told
    assert "Is --prometheus (or VANGUARD_PROMETHEUS_URL) right" in told
    assert "Traceback" not in told


def _only(lookout: Lookout) -> Any:
    async def connected(_: Session, work: Any) -> Any:
        return await work(lookout.cluster)

    return connected


def test_the_environment_names_prometheus(lookout: Lookout, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        command, "PrometheusMetrics", lambda settings: seen.append(settings.prometheus_url) or lookout.metrics
    )
    for env in ({"VANGUARD_PROMETHEUS_URL": "http://a:1"}, {"PROMETHEUS_URL": "http://b:2"}):
        assert say(*ORDERS, env=env).exit_code == 0
    assert say(*ORDERS, "--prometheus", "http://c:3", env={"PROMETHEUS_URL": "http://b:2"}).exit_code == 0
    assert seen == ["http://a:1", "http://b:2", "http://c:3"]
