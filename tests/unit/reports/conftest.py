"""Small finished studies to report on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.studies.execution import Execution
from sim.studies.plans import Candidate
from sim.studies.result import StudyResult
from tests.unit.studies.small_study import candidates, execute_small, plan_of, small_scenario

Study = Callable[..., tuple[Path, StudyResult]]


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a maker of finished studies: run folder and result."""

    def finished(
        *, draws: int = 2, planned: dict[str, Candidate] | None = None
    ) -> tuple[Path, StudyResult]:
        out = tmp_path_factory.mktemp("study") / "run"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Execution, "candidates", lambda *_: planned or candidates())
            result = execute_small(small_scenario(draws=draws), out)
        return out, result

    return finished


@pytest.fixture(scope="session")
def planned(study: Study) -> tuple[Path, StudyResult]:
    """Return a study of buying nothing and a plan."""
    return study()


@pytest.fixture(scope="session")
def one_draw(study: Study) -> tuple[Path, StudyResult]:
    """Return a study that can have no interval."""
    return study(draws=1)


@pytest.fixture(scope="session")
def unplanned(study: Study) -> tuple[Path, StudyResult]:
    """Return a study that compares rules and has no plan."""
    split = Candidate(plan_of({"outreach.group1": 1.0}, name="equal_split"))
    return study(planned={"baseline": candidates()["baseline"], "equal_split": split})


@pytest.fixture(scope="session")
def nothing(study: Study) -> tuple[Path, StudyResult]:
    """Return a study of what happens if nobody acts."""
    return study(planned={"baseline": candidates()["baseline"]})
