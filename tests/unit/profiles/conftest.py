"""Settings that the tests of profiles share."""

from collections.abc import Iterator

import pytest

from sim.profiles import meter

IDLE_SECONDS = 0.1
"""Every measurement begins by watching the machine do nothing; here nobody reads what it draws."""


@pytest.fixture(autouse=True, scope="session")
def _brief_idling() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meter, "IDLE_SECONDS", IDLE_SECONDS)
        yield
