"""`vanguard backtest` as it is typed: what it prints, what it refuses, and how it ends."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.backtest.past import at as moment
from tests.backtest.past import calm, leak, pattern, policy, recorded
from vanguard.backtest import tape
from vanguard.cli import backtest
from vanguard.cli.main import main

SERVICES = {"orders": leak(moment(0, 6), per_hour=8), "quiet": calm}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with patterns, policies and a recording of a day."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "patterns.yaml").write_text(yaml.safe_dump(pattern()))
    (folder / "policies.yaml").write_text(yaml.safe_dump(policy(*SERVICES)))
    tape.write(recorded(SERVICES, days=1), folder / "recording.npz")
    return folder


def typed(folder: Path, *words: str, data: bool = True) -> Result:
    """The command on the folder's documents."""
    source = ["--data", str(folder / "recording.npz")] if data else []
    documents = ["--patterns", str(folder / "patterns.yaml"), "--policies", str(folder / "policies.yaml")]
    return CliRunner().invoke(main, ["backtest", *documents, *source, "--every", "1h", *words], env={"COLUMNS": "200"})


def test_the_page_says_first_what_a_team_has_to_know(given: Path) -> None:
    done = typed(given, "--from", "-1d")

    assert done.exit_code == 0, done.output
    page = done.stdout
    assert "In 1 day the limit was reached once: 1 foreseen at least 2 h before" in page
    assert "The operator would have acted once, before 1 of the breaches." in page
    assert "shop/Deployment/orders" in page
    assert "pool-size 10 -> 12 in ConfigMap orders-config" in page
    assert "Assumed, for nobody recorded it" in page
    assert page.index("In short") < page.index("Would have acted") < page.index("Assumed")
    assert done.stderr == ""


def test_json_holds_the_same_and_nothing_else(given: Path) -> None:
    done = typed(given, "--from", "2026-03-02T00:00:00Z", "-o", "json")

    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["version"] == 1
    assert report["replayed"]["from"] == "2026-03-02T00:00:00Z"
    assert report["totals"]["foreseen"] == 1
    assert [act["target"] for act in report["acts"]] == ["shop/Deployment/orders"]


@pytest.mark.parametrize(
    ("bounds", "code", "said"),
    [
        ("false=0,missed=0", 0, ""),
        ("breaches=1", 0, ""),
        ("breaches=0,acts=0", 3, "--fail-on: breaches is 1, at most 0 is borne; acts is 1, at most 0 is borne"),
    ],
)
def test_a_bound_that_is_exceeded_ends_it_with_three(given: Path, bounds: str, code: int, said: str) -> None:
    done = typed(given, "--from", "-1d", "--fail-on", bounds)

    assert (done.exit_code, done.stderr.strip()) == (code, said)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["--from", "soon"], 2, "'soon' is not a time: write now, a span such as -30d", id="no time"),
        pytest.param(["--from", "-1h", "--to", "-2h"], 2, "must be before --to", id="the wrong way round"),
        pytest.param(["--from", "-40d"], 1, "the recording holds 2026-02-22T00:00:00Z to", id="before the data"),
        pytest.param(["--from", "-9999w"], 2, "--from: -9999w is too far back: at most 370 days", id="centuries"),
        pytest.param(["--from", "0001-01-01T00:00:00Z"], 2, "is too far back: at most 370 days", id="the year one"),
        pytest.param(["--from", "-371d"], 2, "-371d is too far back: at most 370 days before", id="a year and a bit"),
        pytest.param(["--every", "7m"], 2, "a whole number of 5 minutes", id="an odd interval"),
        pytest.param(["--every", "often"], 2, "is not a duration", id="no interval"),
        pytest.param(["--fail-on", "luck=0"], 2, "may be bounded: acts, breaches", id="an unknown bound"),
        pytest.param(["--fail-on", "false"], 2, "is no bound such as false=0", id="no bound"),
        pytest.param(["--prometheus", "http://x"], 2, "two sources", id="two sources"),
        pytest.param(["--export", "file"], 2, "nothing new to keep", id="an export of an export"),
        pytest.param(["--from", "-90m", "--to", "-1h", "--patterns", "x"], 1, "x does not exist", id="no patterns"),
        pytest.param(["--policies", "nowhere"], 1, "nowhere does not exist", id="no such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(given: Path, words: list[str], code: int, said: str) -> None:
    done = typed(given, *words)

    assert done.exit_code == code, done.output
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.output


def test_without_data_it_asks_where_they_are(given: Path) -> None:
    done = typed(given, data=False)

    assert (done.exit_code, "Give --prometheus URL or --data FILE" in done.stderr) == (2, True)


def test_a_prometheus_that_does_not_answer_is_named(given: Path) -> None:
    done = typed(given, "--prometheus", "http://127.0.0.1:1", "--from", "-1d", data=False)

    assert done.exit_code == 1
    assert "Prometheus at http://127.0.0.1:1 gave no answer" in done.stderr


@pytest.mark.parametrize(
    ("url", "step", "said"),
    [
        ("prometheus:9090", "1m", "VANGUARD_PROMETHEUS_URL is 'prometheus:9090'"),
        (
            "http://127.0.0.1:1",
            "45s",
            "VANGUARD_QUERY_STEP is 45s; a recording needs one that 5m is a whole multiple of",
        ),
    ],
)
def test_settings_that_cannot_be_are_named(
    given: Path, monkeypatch: pytest.MonkeyPatch, url: str, step: str, said: str
) -> None:
    monkeypatch.setenv("VANGUARD_QUERY_STEP", step)
    done = typed(given, "--prometheus", url, "--from", "-1d", data=False)

    assert (done.exit_code, said in done.stderr) == (1, True), done.output


def test_a_broken_recording_is_named(given: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    broken.write_bytes((given / "recording.npz").read_bytes()[:1000])
    done = typed(given, "--data", str(broken))

    assert done.exit_code == 1
    assert "broken.npz is no recording, or only a part of one" in done.stderr


def test_an_interrupt_ends_it_without_a_traceback(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backtest, "backtest", interrupted)
    done = typed(given, "--from", "-1d")

    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "interrupted\n")
