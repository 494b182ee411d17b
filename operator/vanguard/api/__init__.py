"""The words: pydantic models of the three kinds, their reasons, and the CRDs made from them.

Imports pydantic and nothing else of weight. What is written here is what `kubectl explain` says.
"""
