"""The thinking: pure functions over records. No I/O, no clock (`now` is an argument), no chance, no client."""
