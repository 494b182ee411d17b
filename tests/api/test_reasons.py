"""Reasons: stable words, each with the sentence that explains it."""

import pytest

from vanguard.api.reasons import Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_sentence(reason: Reason) -> None:
    assert reason.sentence[0].isupper()
    assert reason.sentence.endswith(".")
    assert len(reason.sentence.split()) >= 3


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_the_camel_case_of_its_name(reason: Reason) -> None:
    assert reason.value == "".join(word.capitalize() for word in reason.name.split("_"))


def test_no_two_reasons_say_the_same() -> None:
    assert len({reason.sentence for reason in Reason}) == len(Reason)


def test_a_reason_is_found_by_its_word_and_prints_as_it() -> None:
    assert Reason("Admitted") is Reason.ADMITTED
    assert f"{Reason.ADMITTED}" == "Admitted"
