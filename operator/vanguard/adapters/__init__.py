"""Eyes and hands: one client library each, errors translated at the edge."""
