"""The benchmarks' clock: what is short takes some time, too, since costs are divided by one another."""

from bench import timed


def test_short_work_takes_some_time() -> None:
    """It is over before the next of the ticks that the system counts, a hundredth of a second each."""
    assert timed(lambda: sum(range(20_000))) > 0
