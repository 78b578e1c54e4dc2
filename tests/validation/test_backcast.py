"""A real programme, before and after: Tanzania's CT scanners of 2023, and Myanmar's of 2015-2017.

Neither country is a target of the shipped calibration. How far off the model is, is said in
docs/calibration.md; here it must not get worse.
"""

import numpy as np
import pytest

from sim.calibration.outputs import Scope, exams_per_1000
from sim.scenario.spec import Override
from sim.studies.study import study
from tests.scenarios import scenario

pytestmark = pytest.mark.slow

DRAWS = 30
EVERY_CT = Override(value=1.0, source="exams are counted for any reason")


def done(iso3: str, scanners: int, millions: float) -> float:
    """Return the median of CT exams per 1000 people and year with so many scanners."""
    density = Override(value=scanners / millions, source="a count")
    given = {"ct.indication_share": EVERY_CT, f"{iso3}.scanners_per_million.ct": density}
    groups = {
        place: {"share": f"{place}_share", "reach": f"reach_{place}_share"}
        for place in ("urban", "rural")
    }
    case = study(scenario(regions=(iso3,), modalities={"ct": 1.0}, overrides=given, groups=groups))
    runs = [case.simulate("baseline", draw=draw) for draw in range(DRAWS)]
    return float(np.median([exams_per_1000(run, Scope(iso3)) for run in runs]))


def test_tanzania_before_and_after_twice_as_many_scanners() -> None:
    before, after = done("TZA", 22, 66.6), done("TZA", 45, 66.6)
    published = 2 * 38_778 / 68.6e3  # first half of 2024, khomeintv.com 2024-12
    assert published / 2 < after < published * 2
    assert after / before == pytest.approx(45 / 22, rel=0.1), "scanners are what is scarce"


def test_myanmar_with_the_scanners_of_its_public_hospitals() -> None:
    published = 205_570 / 3 / 53.0e3  # 2015 to 2017, doi 10.1186/s12913-020-05610-x
    assert published / 2 < done("MMR", 45, 53.4) < published * 2
