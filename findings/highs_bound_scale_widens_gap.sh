#!/bin/sh
# highspy 1.13.1, 1.15.1 and 1.16.0: user_bound_scale also rescales mip_abs_gap, without a word.
#
# Where a model is badly scaled, HiGHS itself suggests to set user_bound_scale, as it scales the model
# and undoes that in the result. The absolute gap, however, is compared in the scaled objective: with
# user_bound_scale=-2, which divides bounds by four, a search that was to end within 20 of the optimum
# ends within 80, and the status is kOptimal all the same. A search that seems much quicker may be
# one that stopped sooner. Who sets both divides the gap by the same power of two.
#
# Versions 1.13.1 and 1.15.1 also leave mip_dual_bound scaled: of a maximum of 2911 they say 733.
#
# Seen: eight random problems end 15 to 19 short of their bound; scaled, up to 59; with a quarter of
# the gap as before.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/scale.py" <<'PY'
import sys

import highspy
import numpy as np

old = sys.argv[1] != "1.16.0"


def gap(seed, scale, wanted):
    rng = np.random.default_rng(seed)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("mip_rel_gap", 0.0)
    highs.setOptionValue("mip_abs_gap", wanted)
    highs.setOptionValue("user_bound_scale", scale)
    x = [highs.addVariable(0, 5, type=highspy.HighsVarType.kInteger) for _ in range(60)]
    for _ in range(20):
        weights = rng.integers(5, 60, 60)
        highs.addConstr(sum(int(w) * v for w, v in zip(weights, x)) <= int(weights.sum() * 0.7))
    values = rng.integers(10, 80, 60)
    highs.setObjective(
        sum(int(value) * v for value, v in zip(values, x)), highspy.ObjSense.kMaximize
    )
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    info = highs.getInfo()
    found, bound = info.objective_function_value, info.mip_dual_bound
    as_scaled = bound < found  # no upper bound, unless it is still scaled
    assert as_scaled == (scale != 0 and old)
    return bound * 2.0**-scale - found if as_scaled else bound - found


plain = [gap(seed, 0, 20.0) for seed in range(8)]
scaled = [gap(seed, -2, 20.0) for seed in range(8)]
mended = [gap(seed, -2, 5.0) for seed in range(8)]
for name, gaps in (("plain", plain), ("scaled", scaled), ("scaled, gap / 4", mended)):
    print(f"{name}: " + " ".join(f"{one:.1f}" for one in gaps))
assert max(plain) <= 20.0 + 1e-6
assert 20.0 < max(scaled) <= 80.0 + 1e-6
assert max(mended) <= 20.0 + 1e-6
PY
for version in 1.13.1 1.15.1 1.16.0; do
    python3 -m venv --clear "$work/venv"
    "$work/venv/bin/pip" install --quiet "highspy==$version" "numpy==2.3.5"
    echo "highspy $version"
    "$work/venv/bin/python" "$work/scale.py" "$version"
done
