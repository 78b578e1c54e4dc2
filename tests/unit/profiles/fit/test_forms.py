import numpy as np
import pytest

from sim.profiles.fit.forms import LAW, RIVALS

COUNTS = np.array([[0.0, 50.0], [30.0, 0.0], [200.0, 900.0]])


@pytest.mark.parametrize("form", [f for f in (LAW, *RIVALS) if f.slopes], ids=lambda f: f.name)
@pytest.mark.parametrize("groups", [1, 2])
def test_slopes_are_the_differences_of_the_prediction(form, groups):
    own, other = COUNTS[:, :groups], COUNTS[:, ::-1][:, :groups]
    low, high, start = form.bounds(groups)
    step = 1e-6 * (high - low)
    differences = [
        (form.predict(start + s, own, other, 0.5) - form.predict(start - s, own, other, 0.5))
        / (2 * s.sum())
        for s in np.diag(step)
    ]
    slopes = form.slopes(start, own, other, 0.5)
    np.testing.assert_allclose(slopes, np.stack(differences, axis=-1), atol=1e-7)
