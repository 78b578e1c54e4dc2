"""Plans keep every unit on their way to disk and back."""

from pathlib import Path

import numpy as np

from sim.study.folder import read_table, write_part
from sim.study.plans import proposals_of, tables_of
from tests.small_world import small_world
from tests.unit.study.small_study import proposals, small_scenario


def test_plans_come_back_from_a_folder_unit_by_unit(tmp_path: Path) -> None:
    made = proposals()
    write_part(tmp_path / "plans", tables_of(made))
    names = ("plan", "programme", "duals")
    tables = {name: read_table(tmp_path / "plans", name) for name in names}
    world = small_world()
    found = proposals_of(
        tables, scenario=small_scenario(), regions=world.regions, catalogue=world.catalogue
    )
    assert list(found) == list(made)
    for name, proposal in made.items():
        np.testing.assert_array_equal(found[name].plan.units, proposal.plan.units)
        assert found[name].note == proposal.note
        assert found[name].plan.name == name
    assert found["plan"].plan.gap == 0.01
    np.testing.assert_array_equal(found["plan"].duals, made["plan"].duals)
    assert found["baseline"].duals is None
    assert np.isnan(found["baseline"].plan.gap)
