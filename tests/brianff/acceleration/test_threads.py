"""Work shared out to threads: each part once, in forked processes too; and work done ahead."""

import os
import random
import signal
import threading
import time
from contextlib import closing

import pytest

from brianff.acceleration.matrix_products import one_blas_thread
from brianff.acceleration.threads import Ahead, share


def test_each_part_once():
    done = []
    share(done.append, range(100), 3)
    assert sorted(done) == list(range(100))


def test_an_error_of_a_part_is_raised():
    def work(part):
        raise ValueError(part)

    with pytest.raises(ValueError, match="0"):
        share(work, [0], 2)


def test_after_an_error_nobody_is_at_work_any_more():
    done = []

    def work(part):
        if part == 0:
            time.sleep(0.02)
            raise ValueError
        time.sleep(0.05)
        done.append(part)

    with pytest.raises(ValueError):  # noqa: PT011
        share(work, range(100), 2)
    finished = len(done)
    assert finished < 10
    time.sleep(0.2)
    assert len(done) == finished


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_threads_of_its_own():
    share(lambda part: None, range(4), 2)
    process = os.fork()
    if process == 0:
        share(lambda part: None, range(4), 2)
        os._exit(0)
    deadline = time.monotonic() + 20
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            pytest.fail("the forked process waits for its parent's threads")
        time.sleep(0.01)


def test_the_next_item_is_made_while_one_is_used():
    second = threading.Event()

    def items():
        yield 0
        second.set()
        yield 1

    used, waiting = [], Ahead(items())
    for item in waiting:
        waiting.begin()
        assert second.wait(20)  # with the first item still in use
        used.append(item)
    assert used == [0, 1]
    assert list(Ahead([])) == []


def test_the_next_item_is_not_made_before_it_is_asked_for():
    made = []
    waiting = Ahead(made.append(number) for number in range(2))
    next(waiting)
    assert len(made) == 1
    waiting.begin()
    waiting.begin()
    next(waiting)
    assert len(made) == 2


def test_an_item_that_was_not_begun_is_made_where_it_is_used():
    waiting = Ahead(threading.current_thread() for _ in range(2))
    assert next(waiting) is threading.main_thread()
    waiting.begin()
    assert next(waiting) is not threading.main_thread()


def test_an_error_made_ahead_is_raised_where_the_item_would_be_used():
    def items():
        yield 0
        raise ValueError("later")

    waiting = Ahead(items())
    assert next(waiting) == 0
    waiting.begin()
    with pytest.raises(ValueError, match="later"):
        next(waiting)


def test_ctrl_c_at_any_moment_leaves_the_threads_usable():
    def interrupt(*_):
        raise KeyboardInterrupt

    before, chance, interrupted = signal.signal(signal.SIGALRM, interrupt), random.Random(1), 0
    try:
        for _ in range(300):
            begun, ended = [], []

            def work(part, begun=begun, ended=ended):
                begun.append(part)
                time.sleep(1e-5)
                ended.append(part)

            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 5e-4))
                with one_blas_thread():
                    share(work, range(8), 3)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            helped = [part for part in begun if part not in ended]
            assert len(helped) <= 1  # the part in which this thread was interrupted
            done = []
            share(done.append, range(8), 3)
            assert sorted(done) == list(range(8))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 30
    with one_blas_thread():
        pass
    assert not one_blas_thread._before  # BLAS has its threads back


def test_nothing_is_made_ahead_any_more_after_the_end():
    slow, made = threading.Event(), []

    def items():
        yield 0
        slow.wait(0.05)
        made.append(1)
        yield 1

    with closing(Ahead(items())) as waiting:
        next(waiting)
        waiting.begin()
    before = list(made)
    time.sleep(0.1)
    assert made == before
