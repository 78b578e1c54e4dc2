"""The run folder: nothing half-written counts, and nothing of others is ever removed."""

import os
from pathlib import Path

import pandas as pd
import pytest

from sim.errors import RunFolderError
from sim.studies import folder

STAMP = {"scenario": "abc"}
TABLE = pd.DataFrame({"value": [1.0, 2.0]})


def finished(out: Path) -> Path:
    partial = folder.begin(out, STAMP, overwrite=True)
    folder.write_json(partial / folder.SUMMARY, {})
    folder.write_json(partial / folder.PROVENANCE, {})
    folder.finish(partial, out)
    return out


def test_a_finished_folder_has_no_parts_and_is_complete(tmp_path: Path) -> None:
    out = finished(tmp_path / "run")
    assert folder.is_complete(out)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["provenance.json", "run", "summary.json"]


def test_a_finished_study_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    out = finished(tmp_path / "run")
    (out / "old").write_text("x")
    with pytest.raises(RunFolderError, match="already holds a finished study"):
        folder.begin(out, STAMP, overwrite=False)
    assert (out / "old").exists()
    finished(out)
    assert not (out / "old").exists()


def test_a_folder_of_someone_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match="is not a run folder; it is left alone"):
        folder.begin(tmp_path / "thesis", STAMP, overwrite=True)


def test_parts_survive_an_interruption_and_torn_ones_do_not(tmp_path: Path) -> None:
    out = tmp_path / "run"
    partial = folder.begin(out, STAMP, overwrite=False)
    folder.write_part(folder.part(partial, "done"), {"cells": TABLE})
    torn = folder.part(partial, "half.torn123")
    torn.mkdir()
    again = folder.begin(out, STAMP, overwrite=False)
    pd.testing.assert_frame_equal(folder.read_table(folder.part(again, "done"), "cells"), TABLE)
    assert not torn.exists()


def test_an_interrupted_study_of_another_scenario_is_kept_unless_asked(tmp_path: Path) -> None:
    out = tmp_path / "run"
    partial = folder.begin(out, STAMP, overwrite=False)
    folder.write_part(folder.part(partial, "done"), {"cells": TABLE})
    with pytest.raises(RunFolderError, match="interrupted study of another scenario"):
        folder.begin(out, {"scenario": "other"}, overwrite=False)
    assert folder.part(partial, "done").is_dir()
    folder.begin(out, {"scenario": "other"}, overwrite=True)
    assert not folder.part(partial, "done").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFolderError, match=r"cannot write '.*run.partial'"):
        folder.begin(tmp_path / "file" / "run", STAMP, overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunFolderError, match="cannot write"):
        folder.begin(tmp_path / "run", STAMP, overwrite=False)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"cannot read '.*cells.parquet'"):
        folder.read_table(tmp_path, "cells")
