"""What each of several blocks is charged: no energy is lost, none is counted twice."""

import os
import subprocess
import sys

import numpy as np
import pytest

from sim.errors import ExecutorError
from sim.profiles.metering.register import Register, gpus_of
from sim.profiles.metering.sharing import Share, watched


class Machine:
    """A machine that draws more and more, with a meter for each block and a count of them."""

    def __init__(self):
        self.drawn, self.running = 0.0, 0

    def count(self):
        return self.running


class Block:
    """A block on that machine, with a meter of its own that reads all that the machine draws."""

    def __init__(self, machine):
        self.machine, self.since = machine, 0.0
        self.share = Share(self, machine)

    def start(self):
        self.since = self.machine.drawn

    def stop(self):
        return {"kwh": self.machine.drawn - self.since}


def test_of_each_interval_a_block_takes_as_much_as_the_others_that_run():
    machine = Machine()
    first, second, third = (Block(machine) for _ in range(3))

    def begin(block, *others):
        machine.running += 1
        block.share.start()
        for other in others:
            other.share.look()

    def end(block, *others):
        machine.running -= 1
        block.share.stop()
        for other in others:
            other.share.look()

    begin(first)
    machine.drawn += 1  # the first's
    begin(second, first)
    machine.drawn += 2  # of two
    begin(third, first, second)
    machine.drawn += 4  # of three
    end(second, first, third)
    machine.drawn += 8  # of two
    end(first, third)
    machine.drawn += 16  # the third's
    end(third)
    assert first.share.drawn["kwh"] == pytest.approx(1 + 2 / 2 + 4 / 3 + 8 / 2)
    assert second.share.drawn["kwh"] == pytest.approx(2 / 2 + 4 / 3)
    assert third.share.drawn["kwh"] == pytest.approx(4 / 3 + 8 / 2 + 16)
    assert all(block.share.apportioned for block in (first, second, third))
    total = sum(block.share.drawn["kwh"] for block in (first, second, third))
    assert total == pytest.approx(machine.drawn)


def test_parts_add_up_to_what_was_drawn_while_any_ran_in_any_order():
    machine, rng = Machine(), np.random.default_rng(0)
    running, ended = [], []
    for _ in range(60):
        if running and rng.random() < 0.5:
            block = running.pop(int(rng.integers(len(running))))
            machine.running -= 1
            block.share.stop()
            ended.append(block)
        else:
            machine.running += 1
            running.append(Block(machine))
            running[-1].share.start()
        for block in running:
            block.share.look()
        if running:  # else nobody's
            machine.drawn += rng.random()
    for block in running:
        block.share.stop()
    total = sum(block.share.drawn["kwh"] for block in (*running, *ended))
    assert total == pytest.approx(machine.drawn)


def test_a_block_alone_has_all_and_says_so():
    machine = Machine()
    block = Block(machine)
    machine.running = 1
    with watched(block.share):
        machine.drawn += 3
    assert block.share.drawn == {"kwh": 3.0}
    assert not block.share.apportioned


def test_processes_on_a_machine_see_each_other(tmp_path):
    here = Register(folder=tmp_path)
    assert here.count() == 0
    with here.entered():
        assert here.count() == 1
        with elsewhere(tmp_path) as other:
            assert here.count() == 2
            other.kill()
            os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet waited for
            assert here.count() == 1  # one that is killed is not counted, though its file was left
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def elsewhere(folder):
    """Start a process that measures a block until it is killed, and wait until it does."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from sim.profiles.metering.register import Register\n"
        "with Register(folder=Path(sys.argv[1])).entered():\n"
        "    print('measuring', flush=True); time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.readline() == b"measuring\n"
    return process


def test_runs_on_different_gpus_of_a_machine_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    first = Register(gpus_of("cuda"), tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    second = Register(gpus_of("cuda"), tmp_path)
    with first.entered():
        with first.entered():
            pass
        for other in (second, Register(gpus_of("cpu"), tmp_path)):
            with (
                pytest.raises(ExecutorError, match="no meter tells what each draws"),
                other.entered(),
            ):
                pass
        assert first.count() == 1
    with second.entered():
        pass
