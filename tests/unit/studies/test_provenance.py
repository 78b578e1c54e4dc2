"""A study tells on what it ran: versions, processor and settings."""

import os
from dataclasses import asdict

import pytest

from sim.studies import provenance as module
from sim.studies.provenance import SETTINGS, Provenance, provenance
from tests.unit.studies.small_study import small_scenario


def test_threads_and_instructions_are_told_as_they_were_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    monkeypatch.delenv("NPY_DISABLE_CPU_FEATURES", raising=False)
    told = provenance(small_scenario())
    assert set(told.settings) == set(SETTINGS)
    assert told.settings["OMP_NUM_THREADS"] == "3"
    assert told.settings["NPY_DISABLE_CPU_FEATURES"] == "not set"
    assert told.processor["numba"] == "generic"
    assert told.processor["cores"] == str(os.cpu_count())
    assert all(told.processor.values())


def test_a_system_that_does_not_tell_its_processor_tells_its_architecture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module.Path, "read_text", lambda _: "processor : 0\n")
    monkeypatch.setattr(module.platform, "processor", lambda: "")
    monkeypatch.setattr(module.platform, "machine", lambda: "riscv64")
    assert module._processor_name() == "riscv64"
    monkeypatch.setattr(module.Path, "read_text", lambda _: "model name\t: A chip @ 2 GHz\n")
    assert module._processor_name() == "A chip @ 2 GHz"


def test_a_processor_is_no_part_of_what_an_interrupted_study_must_share() -> None:
    """And a folder written before processors were recorded can still be read."""
    here = provenance(small_scenario())
    older = {k: v for k, v in asdict(here).items() if k not in ("processor", "settings")}
    there = Provenance(**older)
    assert there.processor == {}
    assert there.stamp() == here.stamp()
