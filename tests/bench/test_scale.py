"""bench-scale on a few series: what it prints is of work that was really done, and the work is bounded."""

from bench.scale.__main__ import CYCLES, HEAD, Row, measure, served, table


def test_a_steady_cycle_asks_little_and_looks_at_few() -> None:
    with served(600) as url:
        row = measure(600, url, naive=False)
    assert row.series == 600
    assert row.queries <= 1 + 1 / CYCLES, "one shard, and a count once"
    assert 0 < row.bytes_per_series < 1000
    assert 600 / 100 <= row.looked_at <= 60, "those that climb, and few others"


def test_the_table_has_a_cell_for_each_heading() -> None:
    row = Row(1, 0.5, 0.1, 5.0, 0.5, 0.4, 800.0, 1.0, 1, 100.0, 110.0, 9.0)
    assert {line.count("|") for line in table([row]).splitlines()} == {HEAD.count("|")}
