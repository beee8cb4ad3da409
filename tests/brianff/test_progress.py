import io
import logging

import pytest

from brianff import progress as progress_module
from brianff.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets, for the time between lines."""
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def test_lines_are_rare_and_whole(clock):
    stream = io.StringIO()
    with Progress(100, stream=stream, unit="images", seconds=5) as progress:
        progress.stage("compiling")
        assert stream.getvalue().startswith("compiling:   0%")  # said at once: compiling takes long
        for second in range(1, 13):
            clock[0] = float(second)
            progress._bar.last_print_t = 0  # tqdm's own clock: let it redraw at every advance
            progress.stage(f"training layer 0, epoch {second} of 12")
            progress.advance(5)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4  # at 0, 5 and 10 seconds, and the end
    assert "epoch 5 of 12" in lines[1]
    assert "epoch 10 of 12" in lines[2]
    assert "60/100" in lines[3]
    assert "images/s" in lines[3]
    assert "\r" not in stream.getvalue()


def test_nothing_happened_shows_nothing_at_the_start():
    stream = io.StringIO()
    progress = Progress(10, stream=stream)
    assert stream.getvalue() == ""
    progress.close()


def test_bar_on_a_terminal():
    stream = Terminal()
    with Progress(10, stream=stream, unit="images", initial=4) as progress:
        progress.stage("training")
        progress.show(loss=0.25)
        progress.advance(6)
    shown = stream.getvalue()
    assert "\rtraining:  40%" in shown
    assert "10/10" in shown
    assert "loss=0.25" in shown
    assert shown.endswith("\n")


def test_remaining_time_is_shown(monkeypatch):
    stream = Terminal()
    with Progress(100, stream=stream) as progress:
        progress._bar.start_t -= 10
        progress._bar.last_print_t -= 10
        progress.advance(25)
        assert "[00:10<00:3" in stream.getvalue()


def test_disabled_shows_nothing_but_stages_are_logged(caplog):
    stream = io.StringIO()
    logger = logging.getLogger("test-progress")
    with caplog.at_level(logging.INFO, logger.name), Progress(10, logger, stream, enabled=False) as progress:
        progress.stage("compiling")
        progress.advance(3)
        progress.show(loss=1)
        progress.stage("training")
    assert stream.getvalue() == ""
    assert [record.message for record in caplog.records] == ["compiling", "training"]


def test_an_error_passes_and_the_line_is_ended():
    stream = Terminal()
    progress = Progress(10, stream=stream)
    progress.advance(1)
    with pytest.raises(KeyboardInterrupt), progress:
        raise KeyboardInterrupt
    assert stream.getvalue().endswith("\n")
