"""Settings that the tests of profiles share."""

import tempfile
from collections.abc import Iterator

import pytest

from sim.profiles.metering import meter

IDLE_SECONDS = 0.1
"""Every measurement begins by watching the machine do nothing; here nobody reads what it draws."""


@pytest.fixture(autouse=True, scope="session")
def _brief_idling() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meter, "IDLE_SECONDS", IDLE_SECONDS)
        yield


@pytest.fixture(autouse=True, scope="session")
def _unseen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let measurements of other tests, which run at the same time, take no part of the energy."""
    place = str(tmp_path_factory.mktemp("measuring"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", place)
        patch.setattr(tempfile, "tempdir", place)
        yield
