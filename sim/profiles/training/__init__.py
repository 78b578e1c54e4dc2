"""One training run: networks, what they start from, and how well they score."""

from sim.errors import ProfileError

try:
    import codecarbon  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    raise ProfileError(
        f"measuring a profile needs {error.name}: pip install 'equiscan[profile]'"
    ) from None
