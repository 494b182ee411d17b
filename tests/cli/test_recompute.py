"""`vanguard explain --recompute`: its words and its exit code."""

import io

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.reconcilers.lookout import troubled
from vanguard.api.kinds import Intervention
from vanguard.cli.main import main
from vanguard.cli.recompute import CANNOT, DIFFERS, IDENTICAL, recompute
from vanguard.cli.session import Session
from vanguard.domain.forecast import Forecaster
from vanguard.domain.samples import pack, unpack
from vanguard.ports import Raw

SAMPLES = "vanguard.dev/samples"


@pytest.fixture(scope="module")
def opened() -> Raw:
    """An Intervention of a real detector, in JSON."""
    lookout = troubled()
    lookout.cycle(6)
    (iv,) = lookout.cluster.all("Intervention")
    return iv


def said(raw: Raw) -> tuple[int, str]:
    page = io.StringIO()
    code = recompute(Intervention.read(raw), Console(file=page, width=100), Forecaster.load())
    return code, page.getvalue()


def with_samples(raw: Raw, text: str | None) -> Raw:
    annotations = {SAMPLES: text} if text is not None else {}
    return {**raw, "metadata": {**raw["metadata"], "annotations": annotations}}


def test_an_untouched_record_is_identical(opened: Raw) -> None:
    code, text = said(opened)
    assert code == IDENTICAL == 0
    assert "identical: all" in text
    assert "differs" not in text
    cause = opened["spec"]["cause"]
    (line,) = [line for line in text.splitlines() if line.startswith("breachPercent12h")]
    assert line.split() == ["breachPercent12h", str(cause["breachPercent12h"]), str(cause["breachPercent12h"])]


def test_samples_that_somebody_changed_are_noticed_even_where_every_figure_stays_the_same(opened: Raw) -> None:
    past = unpack(opened["metadata"]["annotations"][SAMPLES])
    past.blocks[0, 0] = 12345.0
    code, text = said(with_samples(opened, pack(past)))
    assert code == DIFFERS == 1
    assert "differs in samples" in text
    assert "somebody changed it since" in " ".join(text.split())


def test_what_differs_is_named(opened: Raw) -> None:
    spec = opened["spec"]
    code, text = said({**opened, "spec": {**spec, "cause": {**spec["cause"], "breachPercent8h": 1}}})
    assert code == DIFFERS
    assert "differs in breachPercent8h." in text
    assert "somebody changed it since" not in text


@pytest.mark.parametrize(("samples", "told"), [(None, "is gone"), ("v1:zzzz", "cannot be unpacked")])
def test_what_cannot_be_done_says_why(opened: Raw, samples: str | None, told: str) -> None:
    code, text = said(with_samples(opened, samples))
    assert code == CANNOT == 2
    assert told in " ".join(text.split())


def test_the_command_exits_with_that_code(opened: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    for raw, code in ((opened, 0), (with_samples(opened, None), 2)):
        monkeypatch.setattr(Session, "run", lambda *_, raw=raw: raw)
        answer = CliRunner().invoke(main, ["explain", "it", "-n", "shop", "--recompute"])
        assert answer.exit_code == code, answer.output


def test_explain_tells_what_was_asked_and_how_to_check_it(opened: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "run", lambda *_: opened)
    text = CliRunner().invoke(main, ["explain", "it", "-n", "shop"]).output
    section = text.split("Evidence\n")[1].split("\n\n")[0]
    assert 'series  {deployment="orders", namespace="shop"}' in section
    assert f"vanguard explain {opened['metadata']['name']} -n shop --recompute" in " ".join(section.split())
