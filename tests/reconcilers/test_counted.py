"""What holds is visible in metrics: each gate's answer at each look, by gate, verdict and reason."""

from tests.reconcilers.objects import CONFIG_MAP
from tests.reconcilers.world import World
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.decision.chain import GATES


def test_each_gates_answer_is_counted_at_each_look() -> None:
    world = World(CONFIG_MAP, {"action": {"enabled": False}})
    world.until_over()

    read = world.context.telemetry.registry.get_sample_value
    answers = {gate.name: gate for gate in world.look().status.gates}
    assert answers.keys() == {name for name, _ in GATES}
    assert answers["action-enabled"].reason == Reason.ACTION_NOT_ENABLED
    assert answers["action-enabled"].verdict is GateVerdict.DENY
    assert answers["alert"].verdict is GateVerdict.PASS
    for gate in answers.values():
        labels = {"gate": gate.name, "verdict": gate.verdict.value, "reason": gate.reason}
        assert read("vanguard_gate_answers_total", labels) == 1.0
