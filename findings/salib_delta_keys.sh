#!/bin/sh
# SALib 1.6.0: delta.analyze has no key `delta` any more, and changes two things of the whole process.
#
# Its index is `delta_raw` (as data are), `delta_balanced` or `delta_step`, where 1.5 gave `delta`; its
# own docstring names others, `raw`, `balanced`, `step`. It seeds NumPy's global random state and
# replaces warnings.formatwarning, and leaves both so. Of results that are all the same it raises, and
# rbd_fast and pawn give NaN or a number that says nothing; one result that is NaN makes every index NaN.
# Who analyses draws as they are looks first whether results are numbers and differ.
#
# Seen: keys as said, formatwarning replaced, NaN for all parameters after one NaN.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'SALib==1.6.0'
cat > "$work/delta.py" <<'PY'
import warnings

import numpy as np
from SALib.analyze import delta, rbd_fast

rng = np.random.default_rng(1)
x = rng.uniform(size=(512, 2))
y = x[:, 0] + 0.1 * x[:, 1]
problem = {"num_vars": 2, "names": ["much", "little"], "bounds": [[0, 1], [0, 1]]}
form = warnings.formatwarning
found = delta.analyze(problem, x, y, method="delta", seed=1)
print("keys:", ", ".join(found))
assert "delta" not in found and "delta_raw" in found
assert warnings.formatwarning is not form
y[3] = np.nan
print("after one NaN:", rbd_fast.analyze(problem, x, y, seed=1)["S1"])
assert np.isnan(rbd_fast.analyze(problem, x, y, seed=1)["S1"]).all()
PY
"$work/venv/bin/python" "$work/delta.py"
