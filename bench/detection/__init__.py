"""BREACH-H: will this series reach its limit within H hours, and may one act on that? Made series, known truth."""
