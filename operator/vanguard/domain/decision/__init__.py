"""The decision: may this be done now? Every gate is asked, every answer is kept.

`asking`, `certainty`, `limits` and `target` hold one function a gate, `chain` the table of them and what follows from
their answers.
"""
