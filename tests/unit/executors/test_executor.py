"""Who does the tasks makes no difference, and a worker that dies costs one task a second try."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import dask
import numpy as np
import pandas as pd
import psutil
import pytest
from distributed import LocalCluster

import sim
from sim.errors import ExecutorError, InfeasibleError
from sim.executors import dask_executor, worker
from sim.executors.dask_executor import Dask
from sim.executors.executor import Executor, executor_of
from sim.executors.processes import Processes, allowed_cores, cpu_quotas
from tests.unit.executors import small_work

ROOT = Path(__file__).parents[3]
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""First line of a script: in the background of a shell, processes begin with interrupts ignored."""
POISONED = {name: name for name in ("poison", "a", "b", "c", "d")}


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with executor_of(workers=2) as executor:
        yield executor


@pytest.fixture(scope="module")
def cluster() -> Iterator[Executor]:
    with executor_of(cluster="local:2") as executor:
        yield executor


@pytest.fixture(params=["serial", "processes", "cluster", "given"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "serial":
        with executor_of(workers=1) as one:
            yield one
    elif request.param == "given":
        with ThreadPoolExecutor(2) as threads, executor_of(given=threads) as one:
            yield one
    else:
        yield request.getfixturevalue(request.param)


@pytest.fixture(params=["processes", "cluster"])
def apart(request: pytest.FixtureRequest) -> Executor:
    """Return an executor whose workers are other processes."""
    found: Executor = request.getfixturevalue(request.param)
    return found


def ended(processes: list[psutil.Process], *, within: float) -> bool:
    return not psutil.wait_procs(processes, timeout=within)[1]


def test_every_task_has_its_result_under_its_name(executor: Executor) -> None:
    tasks = {f"task {number}/{'x' * number}": number for number in range(9)}
    assert dict(executor.run(small_work.double, tasks)) == {n: 2 * t for n, t in tasks.items()}
    assert executor.workers == (1 if type(executor).__name__ == "Serial" else 2)


def test_equal_arguments_are_different_tasks(executor: Executor) -> None:
    assert len(dict(executor.run(small_work.unlike, dict.fromkeys("abcd", 1)))) == 4
    again = [dict(executor.run(small_work.unlike, {"same": 1}))["same"] for _ in range(2)]
    assert again[0] != again[1]


def test_nothing_to_do_is_done(executor: Executor) -> None:
    assert list(executor.run(small_work.double, {})) == []


def test_results_are_the_same_to_the_bit_and_may_be_changed(executor: Executor) -> None:
    ((_, (array, table)),) = executor.run(small_work.tables, {"one": 3})
    here, there = small_work.tables(3)
    assert array.tobytes() == here.tobytes()
    pd.testing.assert_frame_equal(table, there)
    array[0] = 1.0  # a view of a message may be read only


def test_a_function_may_stand_in_no_module(executor: Executor) -> None:
    assert dict(executor.run(lambda number: number + 1, {"a": 1})) == {"a": 2}


def test_an_error_of_a_task_is_raised_as_it_is(executor: Executor) -> None:
    with pytest.raises(InfeasibleError, match="no plan meets all of: money") as raised:
        list(executor.run(small_work.infeasible, {"a": 1}))
    assert raised.value.conflict == ("money",)
    with pytest.raises((small_work.UnsendableError, RuntimeError), match="seven"):
        list(executor.run(small_work.unsendable, {"a": 1}))
    assert dict(executor.run(small_work.double, {"a": 1})) == {"a": 2}


def test_an_error_names_its_task_and_line(apart: Executor) -> None:
    with pytest.raises(InfeasibleError) as raised:
        list(apart.run(small_work.infeasible, {"the first": 1}))
    (note,) = raised.value.__notes__
    assert "'the first'" in note
    assert "small_work.py" in note


def test_one_process_does_no_more_than_it_is_asked_for() -> None:
    done: list[int] = []
    with executor_of(workers=1) as executor:
        results = executor.run(done.append, {"a": 1, "b": 2})
        next(results)
    assert done == [1]


def test_only_some_tasks_wait_at_workers(processes: Executor) -> None:
    class Watched(dict[str, int]):
        taken = 0

        def items(self):  # type: ignore[no-untyped-def, override]
            for item in super().items():
                self.taken += 1
                yield item

    tasks = Watched({str(number): number for number in range(50)})
    results = processes.run(small_work.double, tasks)
    next(results)
    assert tasks.taken == 4
    assert len(list(results)) == 49


def test_who_takes_no_more_results_stops_the_work(processes: Executor) -> None:
    results = processes.run(small_work.slowly, {"now": 0.0, "a": 600.0, "b": 600.0, "c": 600.0})
    assert next(results)[0] == "now"
    results.close()  # type: ignore[attr-defined]
    assert dict(processes.run(small_work.double, {"a": 1})) == {"a": 2}


def test_a_worker_that_dies_costs_its_task_a_second_try(apart: Executor, tmp_path: Path) -> None:
    tasks = {name: tmp_path / name for name in "abc"}
    assert dict(apart.run(small_work.die_once, tasks)) == {name: name for name in "abc"}


def test_a_task_that_ends_every_worker_is_named_and_no_other(apart: Executor) -> None:
    results: list[str] = []
    finished = apart.run(small_work.die_of, POISONED)
    with pytest.raises(ExecutorError, match=r"poison.*was given to 3 workers"):
        results.extend(name for name, _ in finished)
    assert "a" in results
    assert "poison" not in results
    assert dict(apart.run(small_work.double, {"a": 1})) == {"a": 2}


def test_an_end_without_a_signal_is_named(processes: Executor) -> None:
    with pytest.raises(ExecutorError, match="the last ended with code 7"):
        list(processes.run(os._exit, {"a": 7}))


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize(
    "asked", ["workers=2", pytest.param("cluster='local:2'", marks=pytest.mark.slow)]
)
def test_workers_end_with_a_head_that_is_killed(
    asked: str, by: signal.Signals, tmp_path: Path
) -> None:
    with head_at_work(asked, tmp_path) as (head, workers):
        head.send_signal(by)
        assert ended(workers, within=5)


def test_an_interrupt_is_for_the_head(tmp_path: Path) -> None:
    with head_at_work("workers=2", tmp_path) as (head, workers):
        os.killpg(head.pid, signal.SIGINT)  # as a terminal does
        said = head.communicate()[1]
        assert said.count("Traceback") == said.count("KeyboardInterrupt\n") == 1
        assert ended(workers, within=5)


def test_an_interrupt_while_workers_start_is_told_once(tmp_path: Path) -> None:
    script = tmp_path / "head.py"
    script.write_text(
        f"{INTERRUPTIBLE}\n"
        "from sim.executors.executor import executor_of\n"
        "from tests.unit.executors.small_work import slowly\n"
        "with executor_of(workers=8) as executor:\n"
        "    list(executor.run(slowly, {str(n): 600.0 for n in range(8)}))\n"
    )
    with python(script) as head:
        while not (workers := psutil.Process(head.pid).children(recursive=True)):
            assert head.poll() is None
            sleep(0.01)
        os.killpg(head.pid, signal.SIGINT)  # as a terminal does
        said = head.communicate()[1]
        assert said.count("Traceback") == said.count("KeyboardInterrupt\n") == 1
        assert ended(workers, within=5)


def test_a_worker_takes_no_module_from_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sys", "os", "numpy", "cloudpickle", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open('{tmp_path}/taken', 'w').write('{name}')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place not in ("", ".")])
    with executor_of(workers=2) as executor:
        assert dict(executor.run(small_work.double, {"a": 1})) == {"a": 2}
    assert not (tmp_path / "taken").exists()


@contextmanager
def head_at_work(
    asked: str, folder: Path
) -> Iterator[tuple["subprocess.Popen[str]", list[psutil.Process]]]:
    """Start a process that has workers which will be busy for long, and find those."""
    script = folder / "head.py"
    script.write_text(
        f"{INTERRUPTIBLE}\n"
        "from sim.executors.executor import executor_of\n"
        "from tests.unit.executors.small_work import slowly\n"
        'if __name__ == "__main__":\n'
        f"    with executor_of({asked}) as executor:\n"
        '        for name, _ in executor.run(slowly, {"now": 0.0, "a": 600.0, "b": 600.0}):\n'
        "            print(name, flush=True)\n"
    )
    with python(script) as head:
        assert head.stdout is not None
        assert head.stdout.readline() == "now\n"
        workers = psutil.Process(head.pid).children(recursive=True)
        assert len(workers) >= 2
        yield head, workers


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from sim.executors.executor import executor_of\n"
        "def triple(number): return 3 * number\n"
        "with executor_of(workers=2) as executor:\n"
        '    print(sorted(executor.run(triple, {"a": 1, "b": 2})))\n'
    )
    with python(script) as head:
        assert head.communicate() == ("[('a', 3), ('b', 6)]\n", "")


def test_what_a_task_prints_does_not_get_among_answers(tmp_path: Path) -> None:
    script = tmp_path / "loud.py"
    script.write_text(
        "import os, sys\n"
        "from sim.executors.executor import executor_of\n"
        "def loud(words):\n"
        "    print(words, sys.stdin.read(), flush=True)\n"
        '    return os.environ["OMP_NUM_THREADS"]\n'
        "with executor_of(workers=2) as executor:\n"
        '    print(dict(executor.run(loud, {"a": "heard"})))\n'
    )
    with python(script) as head:
        assert head.communicate() == ("{'a': '1'}\n", "heard \n")


def test_a_local_cluster_asks_a_script_for_its_guard(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from sim.executors.executor import executor_of\n"
        'with executor_of(cluster="local:1") as executor:\n'
        "    print(executor)\n"
    )
    with python(script) as head:
        said = head.communicate()[1]
    assert head.returncode == 1
    assert 'below `if __name__ == "__main__":`' in said.splitlines()[-1]


def python(script: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, script],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_a_worker_with_other_code_is_refused() -> None:
    expected = worker.installation() | {"numpy": "1.0"}
    with pytest.raises(ExecutorError, match=rf"has numpy {np.__version__}, not 1\.0\. Install"):
        worker.require(expected)


def test_an_order_of_another_installation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = worker.installation() | {"code of equiscan": "abc"}
    with monkeypatch.context() as patch:
        patch.setattr(worker, "installation", lambda: other)
        order = worker.order(worker.packed(small_work.double), 1)
    with pytest.raises(ExecutorError, match=r"has code of equiscan .*, not abc"):
        worker.opened(worker.answer(order), "a")


@pytest.mark.parametrize("address", ["local", "local:0", "127.0.0.1:8786", "tcp://host", "x:1"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with (
        pytest.raises(ExecutorError, match=r"no cluster: write tcp://HOST:PORT .* or local:N"),
        executor_of(cluster=address),
    ):
        pass


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "PATIENCE_S", 0.5)
    with (
        pytest.raises(ExecutorError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9: "),
        executor_of(cluster="tcp://127.0.0.1:9"),
    ):
        pass


def test_a_study_on_a_cluster_asks_for_no_workers_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_executor, "PATIENCE_S", 0.5)
    tiny = sim.study(ROOT / "scenarios" / "tiny.yaml", cluster="tcp://127.0.0.1:9")
    with pytest.raises(ExecutorError, match="no Dask scheduler answers"):
        tiny.compare(["baseline"])


def test_a_scheduler_that_runs_already_may_be_used_and_stays(cluster: Executor) -> None:
    assert isinstance(cluster, Dask)
    address = cluster.client.scheduler.address
    assert address.startswith("tcp://")
    for _ in range(2):
        with executor_of(cluster=address) as executor:
            assert dict(executor.run(small_work.double, {"a": 1})) == {"a": 2}


def test_a_scheduler_without_workers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "PATIENCE_S", 0.5)
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(ExecutorError, match="has no worker: start some with `dask worker tcp://"),
        executor_of(cluster=empty.scheduler_address),
    ):
        pass


def test_settings_of_dask_are_put_back() -> None:
    name = "distributed.scheduler.allowed-failures"
    with dask.config.set({name: 0}):
        with executor_of(cluster="local:1"):
            assert dask.config.get(name) == 2
        assert dask.config.get(name) == 0


def test_a_missing_dask_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.executors.executor.find_spec", lambda _: None)
    with (
        pytest.raises(ExecutorError, match=r"pip install 'equiscan\[cluster\]'"),
        executor_of(cluster="local:2"),
    ):
        pass


def test_workers_of_a_cluster_are_not_chosen_twice() -> None:
    with (
        pytest.raises(ExecutorError, match="leave out the number of workers"),
        executor_of(cluster="tcp://host:8786", workers=4),
    ):
        pass


def test_there_are_as_many_workers_as_cores_that_may_be_used() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert allowed_cores() == 1
        with executor_of() as executor:
            assert not isinstance(executor, Processes)
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_control_group_limits_those_below_it(tmp_path: Path) -> None:
    job = tmp_path / "slurm" / "job"
    job.mkdir(parents=True)
    (job / "cpu.max").write_text("max 100000\n")
    (job.parent / "cpu.max").write_text("150000 100000\n")
    assert cpu_quotas("slurm/job", tmp_path) == [1.5]
    assert cpu_quotas("elsewhere", tmp_path) == []
