"""What the table of peers says of one that was stopped."""

import sys

import peers


def test_what_is_killed_at_its_limit_is_told_as_stopped() -> None:
    """It has said nothing, though the system may count fewer seconds than the limit; who ends by himself isn't stopped."""
    seconds, status, _ = peers.cpu([sys.executable, "-c", "while True: pass"], 1)
    killed = peers.Run("a loop", "failed", seconds, status in peers.STOPPED)
    seconds, status, said = peers.cpu([sys.executable, "-c", "print('proved')"], 1)
    ended = peers.Run("a line", said.strip(), seconds, status in peers.STOPPED)
    *_, first, second = peers.table("which", [killed, ended], 1)
    assert first.startswith("| a loop | stopped at 1 s | > ")
    assert second.startswith("| a line | proved | 0.")
