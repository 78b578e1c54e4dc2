"""Settings that all tests share."""

import os

from hypothesis import HealthCheck, settings

# the first call of a kernel compiles it, and a machine may be busy: time is no property here
settings.register_profile(
    "equiscan",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("equiscan")
