"""A decision on the real cluster and Prometheus: told, drawn, kept as evidence, and made again."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devcluster.operator_process import DEMO
from tests.cluster.stage import SHOP, Stage, closed_window, pool_pattern, shop_policy
from vanguard.cli.main import main

POOL, LEAK = "connection-pool-exhaustion", "gradual-memory-leak"
SAMPLES = "vanguard.dev/samples"


def say(stage: Stage, *words: str) -> Result:
    """What the command says to an administrator."""
    kubeconfig = str(stage.cluster.state / "kubeconfig")
    return CliRunner().invoke(main, [*words, "--kubeconfig", kubeconfig], env={"COLUMNS": "100"})


def foretold(stage: Stage, *words: str) -> Any:
    """The forecast as JSON."""
    said = say(stage, "forecast", *words, "--prometheus", stage.prometheus.url, "-o", "json")
    assert said.exit_code == 0, said.output
    return json.loads(said.stdout)


def test_a_decision_is_made_again_from_the_object_alone_and_what_was_touched_is_noticed(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders", windows=closed_window()))
    stage.lead()
    held = stage.await_phase("orders", "Pending", "CannotActBeforeBreach")
    stage.stop_operators()
    name, kept = held["metadata"]["name"], held["spec"]["evidence"]
    assert kept["series"] == '{deployment="orders", namespace="shop"}'
    assert kept["signature"]["minSlopePerHour"] == "2"

    # The operator's own view comes back from Prometheus at that time.
    seen = foretold(stage, "--pattern", POOL, "--target", "shop/orders", "--at", kept["at"])
    assert (seen["positive"], seen["reason"]) == (True, kept["reason"])
    assert seen["level"] == pytest.approx(float(held["spec"]["cause"]["value"]), abs=1)

    # And from nothing but the object, to the last digit, whatever becomes of the pattern.
    stage.cluster.kubectl("delete", "issuepattern", POOL)
    again = say(stage, "explain", name, "-n", SHOP, "--recompute")
    assert again.exit_code == 0, again.output
    assert "identical: all" in again.output

    described = stage.cluster.kubectl("-n", SHOP, "describe", "iv", name).stdout
    assert SAMPLES in described
    assert max(map(len, described.splitlines())) < 400

    other = held["metadata"]["annotations"][SAMPLES][:-40] + "A" * 40
    for text, code in ((other, 2), (None, 2)):
        patch = json.dumps({"metadata": {"annotations": {SAMPLES: text}}})
        stage.cluster.kubectl("-n", SHOP, "patch", "iv", name, "--type=merge", "-p", patch)
        touched = say(stage, "explain", name, "-n", SHOP, "--recompute")
        assert touched.exit_code == code, touched.output
        assert "cannot be recomputed" in touched.output


def test_what_leaks_and_what_only_looks_like_it_are_told_and_drawn(stage: Stage) -> None:
    stage.cluster.apply((DEMO / "patterns.yaml").read_text())
    leak = ("--pattern", LEAK, "--target", "shop/catalog")
    by_owner = foretold(stage, *leak)
    by_name = foretold(stage, *leak, "--file", str(DEMO / "patterns.yaml"))
    for seen in (by_owner, by_name):
        assert (seen["positive"], seen["reason"]) == (True, "BreachForeseen")
        assert len(seen["others"]) == 2, "one of three pods speaks"
    names = [{one["series"]["pod"] for one in (seen, *seen["others"])} for seen in (by_owner, by_name)]
    assert names[0] == names[1]

    said = say(
        stage, "forecast", "--pattern", POOL, "--target", "shop/storefront", "--prometheus", stage.prometheus.url
    )
    assert said.exit_code == 0, said.output
    assert "SeasonalRamp" in said.output
    assert "no cone" in said.output
    assert max(map(len, said.output.splitlines())) <= 100


def test_who_knows_no_such_thing_is_told_what_there_is(stage: Stage) -> None:
    stage.cluster.apply((DEMO / "patterns.yaml").read_text())
    url = stage.prometheus.url
    unknown = say(stage, "forecast", "--pattern", "none", "--target", "shop/orders", "--prometheus", url)
    assert (unknown.exit_code, f"there are: {POOL}, {LEAK}" in " ".join(unknown.output.split())) == (1, True)
    nobody = say(stage, "forecast", "--pattern", POOL, "--target", "shop/none", "--prometheus", url)
    assert (nobody.exit_code, "no Deployment none in namespace shop" in nobody.output) == (1, True)
    silent = say(stage, "forecast", "--pattern", POOL, "--target", "shop/catalog", "--prometheus", url)
    assert (silent.exit_code, "no series of pattern" in silent.output) == (1, True)
