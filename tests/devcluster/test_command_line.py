"""Options, the Prometheus configuration, and what a person without Docker is told."""

from pathlib import Path

import pytest

from devcluster import __main__ as command_line
from devcluster import layout, prometheus
from devcluster.errors import DevclusterError
from devcluster.kind import require_kind


@pytest.mark.parametrize(
    ("arguments", "state", "kind"),
    [
        pytest.param(["status"], layout.DEFAULT_STATE, False, id="the checkout's own state unless told"),
        pytest.param(["--state", "/a", "--kind", "cluster"], Path("/a"), True, id="options before the command"),
        pytest.param(["cluster", "--state", "/a", "--kind"], Path("/a"), True, id="options after the command"),
        pytest.param(["--kind", "up", "--state", "/a"], Path("/a"), True, id="options on both sides"),
    ],
)
def test_options_may_stand_on_either_side(arguments: list[str], state: Path, kind: bool) -> None:
    options = command_line.read_options(arguments)
    assert (options.state, options.kind) == (state, kind)


def test_down_without_a_state_folder_is_no_error_and_makes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"
    assert command_line.main(["down", "--state", str(missing)]) == 0
    assert "Nothing to stop" in capsys.readouterr().out
    assert not missing.exists()


def test_status_of_what_was_never_started_says_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["status", "--state", str(tmp_path / "missing")]) == 1
    assert capsys.readouterr().out.count("stopped") == 5


def test_without_docker_the_message_says_what_to_use_instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DevclusterError, match=r"needs `docker`.*Leave --kind out"):
        require_kind()


def test_prometheus_scrapes_each_job_and_itself() -> None:
    made = prometheus.configuration(
        [("shop", "127.0.0.1:1"), ("shop", "127.0.0.1:2")], interval="1s", own="127.0.0.1:9"
    )
    assert [(job["job_name"], job["static_configs"][0]["targets"]) for job in made["scrape_configs"]] == [
        ("shop", ["127.0.0.1:1", "127.0.0.1:2"]),
        ("prometheus", ["127.0.0.1:9"]),
    ]
