"""The run folder: nothing half written counts, two runs never mix, and nothing of others goes."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from numpy.typing import NDArray

from sim.atomic import replace_file, require_place
from sim.errors import RunFolderError
from sim.studies import lock as locks
from sim.studies.manifest import (
    MANIFEST,
    OWN_PROFILE,
    PROFILE,
    PROVENANCE,
    SCENARIO,
    SUMMARY,
    Finished,
    is_complete,
    manifest_text,
)
from sim.studies.result_file import is_whole, read_archive
from sim.studies.store import Part, Store, open_store

ROOT = Path(__file__).parents[3]
STAMP = {"scenario": "abc", "code": "1"}
ARRAYS = {"ec": np.array([[1.0, np.nan], [-0.0, 3.0]])}
TABLES = {"cells": pd.DataFrame({"region": ["KEN", None], "value": [1.0, np.nan]})}


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether arrays are equal to the bit."""
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and one[name].tobytes() == other[name].tobytes()
        for name in one
    )


def finish(out: Path, *, overwrite: bool = False, value: float = 1.0) -> None:
    with open_store(out, STAMP, overwrite=overwrite) as store:
        store.put("a", ARRAYS, TABLES)
        store.write_table("outcomes", pd.DataFrame({"value": [value]}))
        store.write_bytes(SCENARIO, b"title: a test\n")
        for name in (SUMMARY, PROVENANCE, PROFILE):
            store.write_json(name, {"value": value})
        store.finish()


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


FINISHED = [
    "manifest.json",
    "outcomes.parquet",
    "profile.json",
    "provenance.json",
    "scenario.yaml",
    "summary.json",
]


def test_a_finished_folder_has_what_was_written_and_no_results(tmp_path: Path) -> None:
    finish(tmp_path / "run")
    assert names(tmp_path / "run") == FINISHED
    assert is_complete(tmp_path / "run")
    assert Finished.at(tmp_path / "run").table("outcomes")["value"].tolist() == [1.0]
    assert Finished.at(tmp_path / "run").json(SUMMARY) == {"value": 1.0}


def test_results_survive_an_interruption(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), open_store(tmp_path / "run", STAMP) as store:
        store.put("judge: a/b draw=3", ARRAYS, TABLES)
        raise KeyboardInterrupt
    assert not is_complete(tmp_path / "run")
    with open_store(tmp_path / "run", STAMP) as again:
        assert again.finished() == {"judge: a/b draw=3"}
        arrays, tables = again.get("judge: a/b draw=3")
    assert same(arrays, ARRAYS)
    pd.testing.assert_frame_equal(tables["cells"], TABLES["cells"])


ANY_ARRAY = of_numpy.arrays(
    of_numpy.scalar_dtypes(), of_numpy.array_shapes(min_dims=0, min_side=0, max_side=4)
)
COLUMNS: list[Callable[[int], st.SearchStrategy[Any]]] = [
    lambda rows: of_numpy.arrays(np.float64, rows),
    lambda rows: of_numpy.arrays(np.float32, rows),
    lambda rows: of_numpy.arrays(np.int64, rows),
    lambda rows: of_numpy.arrays(np.uint8, rows),
    lambda rows: of_numpy.arrays(np.bool_, rows),
    lambda rows: st.lists(st.text(max_size=5), min_size=rows, max_size=rows).map(
        lambda column: pd.Series(column, dtype="str")
    ),
    lambda rows: st.lists(st.none() | st.text(max_size=5), min_size=rows, max_size=rows).map(
        lambda column: pd.Series(column, dtype=object)
    ),
]


@st.composite
def any_table(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(0, 4))
    kinds = draw(
        st.dictionaries(st.text(min_size=1, max_size=5), st.sampled_from(COLUMNS), max_size=5)
    )
    return pd.DataFrame(
        {name: draw(kind(rows)) for name, kind in kinds.items()}, index=pd.RangeIndex(rows)
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("store"), STAMP) as opened:
        yield opened


@settings(max_examples=40)
@given(
    task=st.text(min_size=1, max_size=20),
    arrays=st.dictionaries(st.text(max_size=5), ANY_ARRAY, max_size=3),
    tables=st.dictionaries(st.text(max_size=5), any_table(), max_size=2),
)
def test_whatever_is_put_is_got_to_the_bit(
    store: Store,
    task: str,
    arrays: dict[str, NDArray[Any]],
    tables: dict[str, pd.DataFrame],
) -> None:
    store.put(task, arrays, tables)
    got = store.get(task)
    assert same(got.arrays, arrays)
    assert list(got.tables) == list(tables)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(got.tables[name], table, check_exact=True)
        numbers = table.select_dtypes(["number", "bool"])
        assert same(
            {column: got.tables[name][column].to_numpy() for column in numbers},
            {column: numbers[column].to_numpy() for column in numbers},
        )
    assert task in store.finished()


@given(share=st.floats(0.0, 1.0, exclude_max=True), cut=st.booleans(), bit=st.integers(0, 7))
def test_a_corrupted_result_is_not_finished_or_still_right(
    store: Store, share: float, cut: bool, bit: int
) -> None:
    store.put("corrupted", ARRAYS, TABLES)
    (file,) = store.folder.rglob("corrupted.npz")
    content = bytearray(file.read_bytes())
    at = int(share * len(content))
    if cut:
        del content[at:]
    else:
        content[at] ^= 1 << bit
    file.write_bytes(content)
    afresh = Store(store.out, store.lock)
    if "corrupted" in afresh.finished():
        assert not cut
        got = afresh.get("corrupted")
        assert same(got.arrays, ARRAYS)
        pd.testing.assert_frame_equal(got.tables["cells"], TABLES["cells"])
    else:
        with pytest.raises(RunFolderError, match=r"cannot read '.*corrupted\.npz'"):
            afresh.get("corrupted")
    store.put("corrupted", ARRAYS, TABLES)
    assert "corrupted" in store.finished()


def test_a_result_with_a_wrong_bit_in_its_index_is_not_finished_or_still_right(
    store: Store,
) -> None:
    """Every bit: one of a length hides members, and one of a method has them inflated."""
    store.put("corrupted", ARRAYS, TABLES)
    (file,) = store.folder.rglob("corrupted.npz")
    content = file.read_bytes()
    found = Counter[bool]()
    for at, bit in product(range(content.index(b"PK\x01\x02"), len(content)), range(8)):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
        found[whole := is_whole(file)] += 1
        if whole:
            arrays, tables = read_archive(file)
            assert same(arrays, ARRAYS)
            assert list(tables) == list(TABLES)
            assert tables["cells"].equals(TABLES["cells"])
    assert min(found[True], found[False]) > 100


def test_a_result_is_plain_numpy_with_no_code(store: Store) -> None:
    store.put("plain", ARRAYS, TABLES)
    (file,) = store.folder.rglob("plain.npz")
    with ZipFile(file) as archive:
        assert archive.namelist() == ["arrays/ec.npy", "tables/cells.arrow"]
    with np.load(file, allow_pickle=False) as opened:
        assert opened["arrays/ec"].tobytes() == ARRAYS["ec"].tobytes()
    with pytest.raises(ValueError, match="allow_pickle=False"):
        store.put("objects", {"a": np.array([object()])})
    assert "objects" not in store.finished()


def test_a_missing_result_is_named(store: Store) -> None:
    with pytest.raises(RunFolderError, match=r"cannot read '.*never\.npz'"):
        store.get("never")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    finish(tmp_path)
    with pytest.raises(RunFolderError, match=r"holds no 'cells\.parquet', by its manifest"):
        Finished.at(tmp_path).table("cells")
    (tmp_path / "outcomes.parquet").unlink()
    with pytest.raises(RunFolderError, match=r"cannot read '.*outcomes\.parquet': it is missing"):
        Finished.at(tmp_path).table("outcomes")


def test_attributes_of_a_table_are_kept(store: Store) -> None:
    table = pd.DataFrame({"a": [1]})
    table.attrs["units"] = {"a": "weeks"}
    store.put("series", {}, {"weekly": table})
    assert store.get("series").tables["weekly"].attrs == {"units": {"a": "weeks"}}


# what is in the way


def test_a_finished_study_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    out = tmp_path / "run"
    finish(out)
    (out / "notes.txt").write_text("mine")
    with (
        pytest.raises(RunFolderError, match="already holds a finished study"),
        open_store(out, STAMP),
    ):
        pass
    assert Finished.at(out).table("outcomes")["value"].tolist() == [1.0]
    finish(out, overwrite=True, value=2.0)
    assert Finished.at(out).table("outcomes")["value"].tolist() == [2.0]
    assert names(out) == sorted([*FINISHED, "notes.txt"])


def test_a_finished_study_stands_until_its_successor_is_finished(tmp_path: Path) -> None:
    finish(tmp_path)
    with open_store(tmp_path, STAMP, overwrite=True) as store:
        store.write_table("outcomes", pd.DataFrame({"value": [2.0]}))
        assert is_complete(tmp_path)
        assert Finished.at(tmp_path).table("outcomes")["value"].tolist() == [1.0]


@pytest.mark.parametrize("content", ["file", "folder"])
def test_what_is_no_run_folder_is_left_alone(tmp_path: Path, content: str) -> None:
    out = tmp_path / "thesis"
    if content == "folder":
        out.mkdir()
    (out / "chapter.tex" if content == "folder" else out).write_text("years of work")
    with (
        pytest.raises(RunFolderError, match="is not a run folder; it is left alone"),
        open_store(out, STAMP, overwrite=True),
    ):
        pass
    assert names(tmp_path) == ["thesis", "thesis/chapter.tex"][: 1 + (content == "folder")]


def test_another_study_is_kept_unless_asked_and_its_difference_named(tmp_path: Path) -> None:
    other = STAMP | {"code": "2", "profile": "new"}
    with open_store(tmp_path, STAMP) as store:
        store.put("a", ARRAYS)
    with (
        pytest.raises(RunFolderError, match="another study, or version: code, profile differ"),
        open_store(tmp_path, other),
    ):
        pass
    with open_store(tmp_path, STAMP) as store:
        assert store.finished() == {"a"}
    with open_store(tmp_path, other, overwrite=True) as store:
        assert store.finished() == set()


def test_a_study_that_came_to_nothing_is_in_nobodys_way(tmp_path: Path) -> None:
    with open_store(tmp_path, STAMP):
        pass
    with open_store(tmp_path, {"scenario": "mended"}) as store:
        assert store.finished() == set()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "scratch")
    finish(tmp_path / "results")
    assert names(tmp_path / "scratch") == FINISHED
    assert (tmp_path / "results").is_symlink()


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(tmp_path / "gone")
    with (
        pytest.raises(RunFolderError, match=r"is a link to '.*gone', which does not exist"),
        open_store(tmp_path / "results", STAMP),
    ):
        pass


def test_the_present_folder_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    finish(Path())
    assert names(tmp_path) == FINISHED


def test_a_volume_is_written_into_and_never_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = tmp_path / "volume"
    (volume / "lost+found").mkdir(parents=True)

    def within(move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def moved(source: Path, target: Path) -> Path:
            assert volume in source.parents
            assert volume in Path(target).parents
            return move(source, target)

        return moved

    monkeypatch.setattr(Path, "replace", within(Path.replace))
    monkeypatch.setattr(Path, "rename", within(Path.rename))
    finish(volume)
    assert names(volume) == sorted([*FINISHED, "lost+found"])
    assert names(tmp_path)[0] == "volume"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(RunFolderError, match=r"cannot write '.*file/run/partial': Not a directory"),
        open_store(tmp_path / "file" / "run", STAMP),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunFolderError, match="cannot write"), open_store(tmp_path / "r", STAMP):
        pass


def test_a_disk_that_fills_keeps_what_is_finished(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_store(tmp_path, STAMP) as store:
        store.put("small", {"a": np.zeros(10)})
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        try:
            with pytest.raises(
                RunFolderError, match=r"large\.npz': File too large\. Free the disk"
            ):
                store.put("large", {"a": np.zeros(10_000)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert store.finished() == {"small"}
        assert [file.name for file in (store.folder / "results").iterdir()] == ["small.npz"]


# who is in the way


HEAD = """
import os, signal, sys
from pathlib import Path
import numpy as np
from sim.errors import RunFolderError
from sim.studies.store import Part, open_store
out, part, die_at = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def dying(name):
    original = getattr(os, name)
    def die(*rest):
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(os, name, die)
try:
    part = Part.read(part) if part else None
    with open_store(out, {"scenario": "abc", "code": "1"}, part=part) as store:
        store.put(f"of {part}", {"a": np.arange(3.0)})
        print("in", flush=True)
        if die_at:
            dying(die_at)
            store.put("half", {"a": np.arange(3.0)})
        sys.stdin.readline()
except RunFolderError as error:
    print(error, flush=True)
"""


@contextmanager
def head(out: Path, *, part: str = "", die_at: str = "") -> Iterator["subprocess.Popen[str]"]:
    """Start a process that opens the folder, writes a result, and stays until it is told."""
    command = [sys.executable, "-c", HEAD, str(out), part, die_at]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_two_runs_at_once_one_wins_and_the_other_says_so(tmp_path: Path) -> None:
    with head(tmp_path / "run") as one, head(tmp_path / "run") as other:
        words = {said(process): process for process in (one, other)}
        winner = words.pop("in")
        (refusal,) = words
        assert refusal.startswith(f"another run writes there: process {winner.pid} on ")
        winner.communicate("done")
    with open_store(tmp_path / "run", STAMP) as store:
        assert store.finished() == {"of None"}


def test_parts_write_at_once_and_a_whole_run_waits_for_them(tmp_path: Path) -> None:
    with head(tmp_path, part="1/2") as one, head(tmp_path, part="2/2") as other:
        assert said(one) == said(other) == "in"
        for part in (Part(1, 2), None):
            with (
                pytest.raises(RunFolderError, match="another run writes there"),
                open_store(tmp_path, STAMP, part=part),
            ):
                pass
        with (
            pytest.raises(RunFolderError, match="another run writes there"),
            open_store(tmp_path, {"scenario": "new"}, overwrite=True, part=Part(2, 3)),
        ):
            pass
        one.communicate("done")
        other.communicate("done")
    with open_store(tmp_path, STAMP) as store:
        assert store.finished() == {"of part-1-of-2", "of part-2-of-2"}
        with (
            pytest.raises(RunFolderError, match="another run writes there"),
            open_store(tmp_path, STAMP, part=Part(1, 2)),
        ):
            pass


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path: Path) -> None:
    with head(tmp_path) as process:
        assert said(process) == "in"
        process.kill()  # and not waited for: what has died may still be listed
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with open_store(tmp_path, STAMP) as store:
            assert store.finished() == {"of None"}


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_run_killed_while_it_writes_leaves_nothing_half(tmp_path: Path, moment: str) -> None:
    with head(tmp_path, die_at=moment) as process:
        assert said(process) == "in"
        assert process.wait() == -signal.SIGKILL
    left = {file.name for file in (tmp_path / "partial" / "results").iterdir()}
    assert left == {"of None.npz", "half.npz.run.torn"}
    with open_store(tmp_path, STAMP) as store:
        assert store.finished() == {"of None"}
        assert [file.name for file in (store.folder / "results").iterdir()] == ["of None.npz"]


def held_elsewhere(out: Path, *, silent_s: float) -> Path:
    """Write the lock of a run on another machine, as it would stand in a shared folder."""
    with open_store(out, STAMP) as store:
        held = store.lock.place.read_text()
    place = out / "partial" / "locks" / "run.lock"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(json.loads(held) | {"host": "node7", "machine": "node7 x"}))
    then = place.stat().st_mtime - silent_s
    os.utime(place, (then, then))
    return place


def test_a_lock_of_another_machine_holds_while_it_is_renewed(tmp_path: Path) -> None:
    place = held_elsewhere(tmp_path, silent_s=locks.LEASE_S - 30)
    with (
        pytest.raises(RunFolderError, match=rf"process {os.getpid()} on node7, since .*run\.lock'"),
        open_store(tmp_path, STAMP),
    ):
        pass
    assert place.exists()
    then = place.stat().st_mtime - 31
    os.utime(place, (then, then))
    with open_store(tmp_path, STAMP):
        assert "node7" not in place.read_text()


def test_a_lock_is_renewed_while_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "RENEW_S", 0.02)
    with open_store(tmp_path, STAMP) as store:
        os.utime(store.lock.place, (0, 0))
        for _ in range(200):
            if store.lock.place.stat().st_mtime > 0:
                break
            locks.sleep(0.02)
        assert store.lock.place.stat().st_mtime > 0


def test_a_run_that_lost_its_lock_writes_no_more(tmp_path: Path) -> None:
    with open_store(tmp_path, STAMP) as store:
        store.lock.place.unlink()
        with pytest.raises(RunFolderError, match="was taken from this run"):
            store.put("late", ARRAYS)
        with pytest.raises(RunFolderError, match="was taken from this run"):
            store.finish()


def test_a_lock_that_is_just_being_written_counts(tmp_path: Path) -> None:
    place = held_elsewhere(tmp_path, silent_s=0)
    place.write_text("")
    with pytest.raises(RunFolderError, match="an unknown machine"), open_store(tmp_path, STAMP):
        pass


def test_a_part_does_not_finish_a_study(tmp_path: Path) -> None:
    with (
        open_store(tmp_path, STAMP, part=Part(1, 2)) as store,
        pytest.raises(ValueError, match="does not finish"),
    ):
        store.finish()


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "2/", "a/b", "-1/3", "1/3/5", "²/3"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RunFolderError, match="write K/N, from 1/N to N/N"):
        Part.read(text)


def test_a_finish_that_was_stopped_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = Path.replace

    def stop(source: Path, target: Path) -> Path:
        if source.name == SUMMARY:
            raise KeyboardInterrupt
        return move(source, target)

    finish(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            finish(tmp_path, overwrite=True, value=2.0)
    assert not is_complete(tmp_path)
    with open_store(tmp_path, STAMP) as store:
        assert store.finished() == {"a"}
    finish(tmp_path, value=3.0)
    assert names(tmp_path) == FINISHED
    assert Finished.at(tmp_path).table("outcomes")["value"].tolist() == [3.0]


# what belongs to the user, and what came from others


class Stopped(BaseException):
    """As if the process had been killed."""


def stopping(monkeypatch: pytest.MonkeyPatch, after: int) -> Counter[str]:
    """Have the process stop at the n-th change of the disk; counts the changes."""
    done = Counter[str]()

    def counting(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*rest: Any, **options: Any) -> Any:
            if done.total() == after:
                raise Stopped
            done[change.__name__] += 1
            return change(*rest, **options)

        return changed

    for name in ("replace", "unlink", "rmdir", "mkdir", "link"):
        monkeypatch.setattr(os, name, counting(getattr(os, name)))
    return done


def finish_next(store: Store) -> None:
    """Write and finish a study that lacks some of the files of the one before, and has another."""
    store.write_bytes(f"{OWN_PROFILE}/mine/fit.json", b"{}")
    for name in (SUMMARY, PROVENANCE, PROFILE):
        store.write_json(name, {"value": 2.0})
    store.finish()


NEXT = STAMP | {"draws": "9"}


def stopped_in_finish(out: Path, after: int) -> bool:
    """Begin to replace a study that has files of the user's beside it; whether that was stopped."""
    finish(out)
    (out / "notes.txt").write_text("mine")
    (out / "run.replaced").mkdir()
    (out / "run.replaced" / "summary.json").write_text("mine")
    with open_store(out, NEXT, overwrite=True) as store:
        store.put("a", ARRAYS)
        with pytest.MonkeyPatch.context() as patch:
            stopping(patch, after)
            try:
                finish_next(store)
            except Stopped:
                return True
    return False


def test_wherever_a_finish_is_stopped_the_study_is_finished_or_goes_on(tmp_path: Path) -> None:
    """At every change of the disk in turn: nothing of the user's is lost, and no result."""
    after, stopped, found = 0, True, Counter[str]()
    while stopped:
        out = tmp_path / str(after)
        stopped = stopped_in_finish(out, after)
        if is_complete(out) and Finished.at(out).json(SUMMARY) == {"value": 2.0}:
            with (
                pytest.raises(RunFolderError, match="already holds a finished study"),
                open_store(out, STAMP),
            ):
                pass
            found["finished"] += 1
        else:
            with open_store(out, NEXT, overwrite=True) as store:
                assert store.finished() == {"a"}
                finish_next(store)
            found["went on"] += 1
        written = ["manifest.json", "profile", "profile/mine", "profile/mine/fit.json"]
        written += ["profile.json", "provenance.json", "summary.json"]
        mine = ["notes.txt", "run.replaced", "run.replaced/summary.json"]
        assert names(out) == sorted([*mine, *written])
        assert (out / "run.replaced" / "summary.json").read_text() == "mine"
        after += 1
    assert found["went on"] > 5
    assert found["finished"] > 5


def test_an_interrupted_successor_is_kept_where_it_is_not_asked_for(tmp_path: Path) -> None:
    finish(tmp_path)
    with open_store(tmp_path, STAMP | {"code": "2"}, overwrite=True) as store:
        store.put("new", ARRAYS)
    with pytest.raises(RunFolderError, match="already holds"), open_store(tmp_path, STAMP):
        pass
    with open_store(tmp_path, STAMP | {"code": "2"}, overwrite=True) as store:
        assert store.finished() == {"new"}


@pytest.mark.parametrize("name", ["report.html", "events.parquet", "scenario.yaml"])
@pytest.mark.parametrize("begun", [True, False])
def test_a_file_that_no_run_has_written_is_left_alone(
    tmp_path: Path, name: str, begun: bool
) -> None:
    if begun:
        with open_store(tmp_path, STAMP) as store:
            store.put("a", ARRAYS)
    else:
        finish(tmp_path)
        (tmp_path / name).unlink(missing_ok=True)
        manifest = json.loads((tmp_path / MANIFEST).read_text())
        manifest["files"].pop(name, None)
        (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    (tmp_path / name).write_text("mine")
    with (
        pytest.raises(RunFolderError, match=rf"{name}' is in the way: no run has written it"),
        open_store(tmp_path, STAMP, overwrite=True),
    ):
        pass
    assert (tmp_path / name).read_text() == "mine"


def test_a_file_that_came_meanwhile_is_left_alone_and_the_study_kept(tmp_path: Path) -> None:
    with open_store(tmp_path, STAMP) as store:
        store.put("a", ARRAYS)
        store.write_json(SUMMARY, {})
        (tmp_path / "report.html").write_text("mine")
        with pytest.raises(RunFolderError, match=r"report\.html' is in the way"):
            store.finish()
    (tmp_path / "report.html").rename(tmp_path / "mine.html")
    with open_store(tmp_path, STAMP) as store:
        assert store.finished() == {"a"}


@pytest.mark.parametrize("content", ["results/thesis.tex", "stamp.json", "locks/key"])
def test_a_folder_of_others_called_partial_is_left_alone(tmp_path: Path, content: str) -> None:
    mine = tmp_path / "partial" / content
    mine.parent.mkdir(parents=True)
    mine.write_text('{"years": "of work"}')
    (tmp_path / "partial" / "notes.txt").write_text("mine")
    with (
        pytest.raises(RunFolderError, match="partial' exists and is not a run folder"),
        open_store(tmp_path, STAMP, overwrite=True),
    ):
        pass
    assert mine.read_text() == '{"years": "of work"}'


def with_manifest(out: Path, files: Mapping[str, str]) -> None:
    (out / MANIFEST).write_text(manifest_text({**Finished.at(out).files, **files}))


@pytest.mark.parametrize(
    "name", ["../mine.txt", "profile/../../mine.txt", "/mine.txt", "notes.txt"]
)
def test_a_manifest_that_names_what_no_run_writes_is_refused(tmp_path: Path, name: str) -> None:
    out = tmp_path / "run"
    finish(out)
    (tmp_path / "mine.txt").write_text("mine")
    with_manifest(out, {name: "0" * 64})
    with pytest.raises(RunFolderError, match=r"manifest\.json' names '.*', which no run writes"):
        Finished.at(out)
    with pytest.raises(RunFolderError, match="left alone"), open_store(out, STAMP, overwrite=True):
        pass
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_nothing_is_removed_or_written_through_a_link(tmp_path: Path) -> None:
    out, mine = tmp_path / "run", tmp_path / "mine"
    finish(out)
    (mine / "x").mkdir(parents=True)
    (mine / "x" / "fit.json").write_text("mine")
    (out / OWN_PROFILE).symlink_to(mine)
    with_manifest(out, {f"{OWN_PROFILE}/x/fit.json": "0" * 64})
    with (
        pytest.raises(RunFolderError, match="profile' is in the way"),
        open_store(out, STAMP, overwrite=True),
    ):
        pass
    assert (mine / "x" / "fit.json").read_text() == "mine"
    replace_file(tmp_path / "a", lambda file: file.write(b"a"))
    (tmp_path / "a.torn").symlink_to(mine / "x" / "fit.json")
    replace_file(tmp_path / "a", lambda file: file.write(b"b"))
    assert (mine / "x" / "fit.json").read_text() == "mine"
    assert (tmp_path / "a").read_bytes() == b"b"


@pytest.mark.parametrize("name", FINISHED)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "changed", "cut", "missing"])
def test_what_is_not_as_it_was_written_is_refused_at_once(
    tmp_path: Path, name: str, kind: str
) -> None:
    finish(tmp_path)
    place = tmp_path / name
    content = place.read_bytes()
    place.unlink()
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    elif kind == "folder":
        place.mkdir()
    elif kind == "changed":
        at = content.index(b": ") if b": " in content else len(content) // 2
        place.write_bytes(content[:at] + b"#" + content[at + 1 :])
    elif kind == "cut":
        place.write_bytes(content[: len(content) // 2])
    with pytest.raises(RunFolderError) as caught:
        Finished.at(tmp_path).path(name)
    assert name in str(caught.value)


def test_a_lock_is_seen_with_its_holder_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the lock has its name, a run is in nobody's way."""

    def die(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", die)
        with pytest.raises(Stopped):
            locks.acquire(tmp_path / "run.lock")
    assert names(tmp_path) == []
    locks.acquire(tmp_path / "run.lock").release()


def test_a_lock_works_where_a_file_has_one_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unable)
    lock = locks.acquire(tmp_path / "run.lock")
    with pytest.raises(RunFolderError, match="another run writes there"):
        locks.acquire(tmp_path / "run.lock")
    lock.release()
    assert names(tmp_path) == []


def test_a_place_for_a_file_is_tried_before(tmp_path: Path) -> None:
    require_place(tmp_path / "a.html")
    assert names(tmp_path) == []
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "none" / "a.html", tmp_path / "file" / "a.html"):
        with pytest.raises(RunFolderError, match=rf"cannot write '{place}': "):
            require_place(place)
