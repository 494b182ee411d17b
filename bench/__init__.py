"""Benchmarks: how good the forecasts are, and what a cycle costs. Nothing here is part of the operator."""
