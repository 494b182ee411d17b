"""The command line, also as `kubectl vanguard`. A face: it shows and asks, it decides nothing."""
