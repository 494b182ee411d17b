"""The loop: gather (I/O), decide (pure), act (I/O, idempotent), record (I/O, guarded). No kopf, no client."""
