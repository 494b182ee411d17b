"""Settings: read from VANGUARD_* variables; what is wrong is told by variable, value and bound."""

from datetime import timedelta
from pathlib import Path

import pytest

from vanguard.errors import SettingsError
from vanguard.settings import Settings, described, load


def test_without_variables_the_defaults_hold() -> None:
    settings = load({})
    assert settings.detection_interval == timedelta(minutes=15)
    assert settings.prometheus_url.startswith("http://")
    assert settings.identity


def test_variables_of_others_are_no_business_of_ours() -> None:
    assert load({"PATH": "/bin", "NOT_VANGUARD_HTTP_PORT": "no", "vanguard_http_port": "no"}) == load({})


@pytest.mark.parametrize(
    ("variable", "value", "field", "read"),
    [
        ("VANGUARD_DETECTION_INTERVAL", "90s", "detection_interval", timedelta(seconds=90)),
        ("VANGUARD_QUERY_STEP", "5m", "query_step", timedelta(minutes=5)),
        ("VANGUARD_HTTP_PORT", "9090", "http_port", 9090),
        ("VANGUARD_PROMETHEUS_URL", "https://prom.example/x", "prometheus_url", "https://prom.example/x"),
        ("VANGUARD_PROMETHEUS_TOKEN_FILE", "/token", "prometheus_token_file", Path("/token")),
        ("VANGUARD_PROMETHEUS_TOKEN_FILE", "", "prometheus_token_file", None),
        ("VANGUARD_LOG_LEVEL", "debug", "log_level", "debug"),
        ("VANGUARD_IDENTITY", "pod-1", "identity", "pod-1"),
    ],
)
def test_a_variable_is_read(variable: str, value: str, field: str, read: object) -> None:
    assert getattr(load({variable: value}), field) == read


@pytest.mark.parametrize(
    ("variable", "value", "bound"),
    [
        ("VANGUARD_DETECTION_INTERVAL", "15", "1h30m"),
        ("VANGUARD_DETECTION_INTERVAL", "soon", "1h30m"),
        ("VANGUARD_DETECTION_INTERVAL", "0s", "seconds=1"),
        ("VANGUARD_DETECTION_INTERVAL", "169h", "days=7"),
        ("VANGUARD_QUERY_STEP", "6m", "seconds=300"),
        ("VANGUARD_HTTP_PORT", "0", "1"),
        ("VANGUARD_HTTP_PORT", "65536", "65535"),
        ("VANGUARD_HTTP_PORT", "http", "integer"),
        ("VANGUARD_QUERY_CONCURRENCY", "65", "64"),
        ("VANGUARD_PROMETHEUS_URL", "prometheus:9090", "https?://"),
        ("VANGUARD_LOG_LEVEL", "loud", "debug|info|warning|error"),
        ("VANGUARD_NAMESPACE", "", "1 character"),
        ("VANGUARD_IDENTITY", "", "1 character"),
    ],
)
def test_a_value_out_of_bounds_is_told_by_variable_value_and_bound(variable: str, value: str, bound: str) -> None:
    with pytest.raises(SettingsError) as told:
        load({variable: value})
    assert str(told.value).startswith(f"{variable} is {value!r}: ")
    assert bound in str(told.value)


@pytest.mark.parametrize(
    ("retry", "deadline", "duration", "fits"),
    [
        ("2s", "10s", "15s", True),
        ("2s", "5s", "15s", True),
        ("2s", "4s", "15s", False),
        ("2s", "10s", "14s", True),
        ("2s", "10s", "13s", False),
        ("5s", "10s", "59s", False),
    ],
)
def test_a_leader_gives_up_before_another_may_take_over(retry: str, deadline: str, duration: str, fits: bool) -> None:
    given = {
        "VANGUARD_LEASE_RETRY_PERIOD": retry,
        "VANGUARD_LEASE_RENEW_DEADLINE": deadline,
        "VANGUARD_LEASE_DURATION": duration,
    }
    if fits:
        load(given)
        return
    with pytest.raises(SettingsError) as told:
        load(given)
    assert all(f"{name} {value}" in str(told.value) for name, value in given.items())


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        load({"VANGUARD_HTTP_PORT": "0", "VANGUARD_LOG_LEVEL": "loud"})
    assert "VANGUARD_HTTP_PORT is '0'" in str(told.value)
    assert "VANGUARD_LOG_LEVEL is 'loud'" in str(told.value)


def test_a_variable_that_does_not_exist_is_told_with_where_to_look() -> None:
    with pytest.raises(SettingsError, match=r"VANGUARD_DETECTION_INTERVALL.*`vanguard settings`"):
        load({"VANGUARD_DETECTION_INTERVALL": "15m"})


@pytest.mark.parametrize(
    "variable",
    [
        "VANGUARD_SERVICE_HOST",
        "VANGUARD_SERVICE_PORT",
        "VANGUARD_SERVICE_PORT_HTTP",
        "VANGUARD_PORT",
        "VANGUARD_PORT_8080_TCP",
        "VANGUARD_PORT_8080_TCP_ADDR",
        "VANGUARD_PORT_8080_TCP_PORT",
        "VANGUARD_PORT_8080_TCP_PROTO",
    ],
)
def test_what_kubernetes_says_of_a_service_named_vanguard_is_ignored(variable: str) -> None:
    assert load({variable: "tcp://10.0.0.1:8080"}) == load({})


@pytest.mark.parametrize("variable", ["VANGUARD_PORTS", "VANGUARD_SERVICE", "VANGUARD_SERVICE_HOSTS"])
def test_what_only_looks_like_a_service_link_is_not_ignored(variable: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        load({variable: "1"})


def test_every_setting_is_described_by_variable_default_and_meaning() -> None:
    rows = list(described())
    assert {name for name, _, _ in rows} == {f"VANGUARD_{field.upper()}" for field in Settings.model_fields}
    assert all(meaning.endswith(".") for _, _, meaning in rows)
    assert ("VANGUARD_DETECTION_INTERVAL", "15m") in [(name, default) for name, default, _ in rows]


def test_every_default_that_is_told_could_be_set() -> None:
    told = {name: default for name, default, _ in described() if not default.startswith("(")}
    assert load(told).model_copy(update={"identity": "x"}) == load({}).model_copy(update={"identity": "x"})


def test_settings_cannot_be_changed_once_they_are_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load({}), "http_port", 1)  # noqa: B010 - the type checker knows that it is frozen
