"""Hypothesis without a database or a deadline: the same examples everywhere, on slow machines too."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("steady")
