"""The chart renders what its values say, and refuses values that mean nothing."""

import re
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import vanguard
from vanguard.adapters import git, notify

Run = Callable[..., subprocess.CompletedProcess[str]]
Objects = list[dict[str, Any]]
Render = Callable[..., Objects]
Select = Callable[..., dict[str, Any]]

ALL_VALUES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "all-values.yaml").read_text())


def environment(deployment: dict[str, Any]) -> dict[str, Any]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}


def test_helm_finds_no_fault(helm: Run, chart: Path) -> None:
    answer = helm("lint", "--strict", str(chart))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_chart_is_of_the_operators_version(chart: Path) -> None:
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    assert (about["version"], about["appVersion"]) == (vanguard.__version__, vanguard.__version__)


def test_the_crds_are_byte_copies_of_the_generated_ones(chart: Path) -> None:
    generated = {file.name: file.read_bytes() for file in (chart.parents[1] / "crds").glob("*.yaml")}
    installed = {file.name: file.read_bytes() for file in (chart / "crds").glob("*.yaml")}
    assert installed == generated


def test_all_values_are_tried(chart: Path) -> None:
    defaults = yaml.safe_load((chart / "values.yaml").read_text())
    assert ALL_VALUES.keys() == defaults.keys()
    assert [name for name, value in defaults.items() if ALL_VALUES[name] == value] == []


def test_every_value_is_explained_by_a_comment_above_it(chart: Path) -> None:
    lines = (chart / "values.yaml").read_text().splitlines()
    silent = [
        line
        for before, line in pairwise(lines)
        if re.match(r" *\w+: *\S", line)
        and not before.lstrip().startswith("#")
        and not re.match(r" +(name|key|cpu|memory):", line)  # explained with the group they are in
    ]
    assert silent == []


def test_by_default_the_operator_is_told_its_defaults(render: Render, select: Select) -> None:
    assert environment(select(render(), "Deployment")) == {
        "VANGUARD_NAMESPACE": {"fieldRef": {"fieldPath": "metadata.namespace"}},
        "VANGUARD_IDENTITY": {"fieldRef": {"fieldPath": "metadata.name"}},
        "VANGUARD_LEASE_NAME": "vanguard",
        "VANGUARD_PROMETHEUS_URL": "http://prometheus-operated.monitoring.svc:9090",
        "VANGUARD_PROMETHEUS_TIMEOUT": "10s",
        "VANGUARD_DETECTION_INTERVAL": "15m",
        "VANGUARD_RECONCILE_INTERVAL": "10s",
        "VANGUARD_QUERY_SHARD_SERIES": "5000",
        "VANGUARD_QUERY_CONCURRENCY": "4",
        "VANGUARD_HTTP_PORT": "8080",
        "VANGUARD_RUNBOOK_URL": "docs/runbook.md",
        "VANGUARD_LOG_LEVEL": "info",
    }


def test_every_value_reaches_the_pod(render: Render, select: Select) -> None:
    deployment = select(render(ALL_VALUES), "Deployment")
    assert environment(deployment) == {
        "VANGUARD_NAMESPACE": {"fieldRef": {"fieldPath": "metadata.namespace"}},
        "VANGUARD_IDENTITY": {"fieldRef": {"fieldPath": "metadata.name"}},
        "VANGUARD_LEASE_NAME": "vanguard-blue",
        "VANGUARD_PROMETHEUS_URL": "https://prometheus.example/prefix",
        "VANGUARD_PROMETHEUS_TIMEOUT": "1m30s",
        "VANGUARD_PROMETHEUS_TOKEN_FILE": "/etc/vanguard/prometheus-token/token",
        "VANGUARD_PROMETHEUS_CA_FILE": "/etc/vanguard/prometheus-ca/ca.crt",
        "VANGUARD_NOTIFIERS_FILE": "/etc/vanguard/notifiers/notifiers.yaml",
        "VANGUARD_REPOSITORIES_FILE": "/etc/vanguard/repositories/repositories.yaml",
        "VANGUARD_DETECTION_INTERVAL": "5m",
        "VANGUARD_RECONCILE_INTERVAL": "5s",
        "VANGUARD_QUERY_SHARD_SERIES": "50000",
        "VANGUARD_QUERY_CONCURRENCY": "8",
        "VANGUARD_HTTP_PORT": "9000",
        "VANGUARD_RUNBOOK_URL": "https://wiki.example/vanguard/runbook",
        "VANGUARD_LOG_LEVEL": "debug",
    }
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert deployment["spec"]["replicas"] == 2
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["nodeSelector"] == ALL_VALUES["nodeSelector"]
    assert pod["tolerations"] == ALL_VALUES["tolerations"]
    assert container["image"] == "registry.example/team/vanguard@sha256:" + "a" * 64
    assert container["imagePullPolicy"] == "Always"
    assert container["resources"] == ALL_VALUES["resources"]
    assert container["ports"] == [{"name": "http", "containerPort": 9000}]


def test_a_token_and_an_authority_are_mounted_where_the_settings_point(render: Render, select: Select) -> None:
    pod = select(render(ALL_VALUES), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    paths = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    token, authority = volumes["prometheus-token"]["secret"], volumes["prometheus-ca"]["configMap"]
    assert (token["secretName"], authority["name"]) == ("prometheus", "authority")
    (token_item,), (authority_item,) = token["items"], authority["items"]
    env = environment({"spec": {"template": {"spec": pod}}})
    assert f"{paths['prometheus-token']}/{token_item['path']}" == env["VANGUARD_PROMETHEUS_TOKEN_FILE"]
    assert f"{paths['prometheus-ca']}/{authority_item['path']}" == env["VANGUARD_PROMETHEUS_CA_FILE"]
    assert (token_item["key"], authority_item["key"]) == ("bearer", "root.pem")


def test_notifiers_and_their_secrets_are_mounted_where_the_settings_point(
    render: Render, select: Select, tmp_path: Path
) -> None:
    objects = render(ALL_VALUES)
    pod = select(objects, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    paths = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert (
        f"{paths['notifiers']}/notifiers.yaml"
        == environment({"spec": {"template": {"spec": pod}}})["VANGUARD_NOTIFIERS_FILE"]
    )
    config = next(item for item in objects if item["metadata"]["name"] == volumes["notifiers"]["configMap"]["name"])
    (tmp_path / "notifiers.yaml").write_text(config["data"]["notifiers.yaml"])
    specs = notify.load(tmp_path / "notifiers.yaml").notifiers
    assert [spec.name for spec in specs] == ["team", "pager"]
    mounted = {paths[name]: volumes[name]["secret"]["secretName"] for name in paths if name.startswith("secret-")}
    assert mounted == {f"/etc/vanguard/secrets/{name}": name for name in ("slack", "pagerduty", "deploy-git")}
    assert all(mount["readOnly"] for mount in container["volumeMounts"] if mount["name"] != "tmp")


def test_the_repositories_are_written_as_the_operator_reads_them(
    render: Render, select: Select, tmp_path: Path
) -> None:
    objects = render(ALL_VALUES)
    pod = select(objects, "Deployment")["spec"]["template"]["spec"]
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "repositories")
    config = next(item for item in objects if item["metadata"]["name"] == volume["configMap"]["name"])
    (tmp_path / "repositories.yaml").write_text(config["data"]["repositories.yaml"])
    found = git.load(tmp_path / "repositories.yaml")
    assert found.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        key: ALL_VALUES["git"][key] for key in ("repositories", "audit")
    }


def test_a_tag_is_used_when_there_is_no_digest(render: Render, select: Select) -> None:
    pod = select(render({"image": {"tag": "1.2.3"}}), "Deployment")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "ghcr.io/vanguard-operator/vanguard:1.2.3"


def test_the_service_finds_the_pods_and_their_port(render: Render, select: Select) -> None:
    objects = render({"httpPort": 9000})
    service, deployment = select(objects, "Service"), select(objects, "Deployment")
    template = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert service["spec"]["ports"] == [{"name": "http", "port": 9000, "targetPort": "http"}]


def test_the_pod_fits_the_restricted_profile(render: Render, select: Select) -> None:
    pod = select(render(ALL_VALUES), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} == {
        "emptyDir", "secret", "configMap",
    }  # fmt: skip
    assert pod["terminationGracePeriodSeconds"] == 30


def test_probes_ask_the_operators_own_pages(render: Render, select: Select) -> None:
    (container,) = select(render(), "Deployment")["spec"]["template"]["spec"]["containers"]
    asked = {name: container[name]["httpGet"] for name in container if name.endswith("Probe")}
    assert asked == {
        "startupProbe": {"path": "/healthz", "port": "http"},
        "livenessProbe": {"path": "/healthz", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }


def test_only_the_pod_itself_gets_a_token(render: Render, select: Select) -> None:
    objects = render()
    assert select(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    pod = select(objects, "Deployment")["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("vanguard", True)


@pytest.mark.parametrize("values", [{}, ALL_VALUES], ids=["defaults", "all values"])
def test_every_object_carries_the_recommended_labels(render: Render, values: dict[str, Any]) -> None:
    wanted = {
        "app.kubernetes.io/name": "vanguard",
        "app.kubernetes.io/instance": "vanguard",
        "app.kubernetes.io/version": vanguard.__version__,
        "app.kubernetes.io/part-of": "vanguard",
        "app.kubernetes.io/managed-by": "Helm",
    }
    for item in render(values):
        labels = item["metadata"].get("labels", {})
        assert wanted.items() <= labels.items(), f"{item['kind']} {item['metadata']['name']}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"replica": 2}, "additional properties 'replica' not allowed", id="a misspelt name"),
        pytest.param({"prometheus": {"uri": "http://p"}}, "'uri' not allowed", id="a misspelt name inside"),
        pytest.param({"replicas": "two"}, "'/replicas': got string, want integer", id="a wrong type"),
        pytest.param({"replicas": 3}, "'/replicas': maximum: got 3, want 2", id="too many replicas"),
        pytest.param({"replicas": 0}, "'/replicas': minimum", id="no replica"),
        pytest.param({"httpPort": 80}, "'/httpPort': minimum", id="a port for root"),
        pytest.param({"prometheus": {"url": "prometheus:9090"}}, "'/prometheus/url'", id="a URL without scheme"),
        pytest.param({"prometheus": {"url": "http://a:b@c"}}, "'/prometheus/url'", id="a password in the URL"),
        pytest.param({"detection": {"interval": "15 minutes"}}, "'/detection/interval'", id="a wordy duration"),
        pytest.param({"detection": {"interval": 15}}, "got number, want string", id="a duration without unit"),
        pytest.param({"log": {"level": "verbose"}}, "'/log/level'", id="an unknown level"),
        pytest.param(
            {"notifiers": [{"name": "a", "type": "Pigeon", "levels": ["Info"]}]}, "'/notifiers/0/type'", id="a pigeon"
        ),
        pytest.param(
            {"git": {"repositories": [{"name": "a", "url": "https://user:secret@git.example/x"}]}},
            "'/git/repositories/0/url'",
            id="a password in a repository's URL",
        ),
        pytest.param({"image": {"digest": "abc"}}, "'/image/digest'", id="half a digest"),
        pytest.param(
            {"tunableConfigMaps": [{"namespace": "shop", "names": []}]},
            "'/tunableConfigMaps/0/names': minItems",
            id="a namespace whose every ConfigMap would be opened",
        ),
        pytest.param(
            {"tunableConfigMaps": [{"namespace": "shop", "names": ["*"]}]},
            "'/tunableConfigMaps/0/names/0'",
            id="a wildcard for a name",
        ),
        pytest.param(
            {"tunableConfigMaps": [{"namespace": "shop", "names": [name]} for name in ("a", "b")]},
            'namespace "shop" is already in tunableConfigMaps[0]',
            id="a namespace given twice",
        ),
    ],
)
def test_values_that_mean_nothing_are_refused_with_the_reason(
    template: Run, values: dict[str, Any], message: str
) -> None:
    answer = template(values)
    assert answer.returncode != 0
    assert message in answer.stderr


def test_a_new_user_is_told_the_next_three_commands(helm: Run, chart: Path) -> None:
    answer = helm("install", "vanguard", str(chart), "-n", "ops", "--dry-run=client")
    notes = answer.stdout.partition("NOTES:")[2]
    commands = [line.strip() for line in notes.splitlines() if line.strip().startswith("kubectl ")]
    assert len(commands) == 3, answer.stdout + answer.stderr
    assert commands[0] == "kubectl -n ops rollout status deployment/vanguard"
