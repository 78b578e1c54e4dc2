#!/bin/sh
# highspy 1.13.1, 1.15.1 and 1.16.0: a partial start is completed no better than the search's own gap.
#
# Where setSolution gives the values of some variables, HiGHS finds the others by a small search of
# its own, which takes over mip_abs_gap and the other limits of the search. With a wide gap, the
# values of a very good solution come back with others that are far from the best for them, and the
# status is kOptimal. How far differs by version. With a narrow gap the same start gives the optimum.
#
# Seen: half of the variables of the optimum, 2909, as start, with an absolute gap of 1000: 2688,
# 2688 and 2772; with a gap of 0: 2909 each time. Who wants a wide gap and a start completes it first.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/partial.py" <<'PY'
import highspy
import numpy as np


def solve(gap, nodes, start=()):
    rng = np.random.default_rng(1)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("mip_rel_gap", 0.0)
    highs.setOptionValue("mip_abs_gap", gap)
    highs.setOptionValue("mip_max_nodes", nodes)
    x = [highs.addVariable(0, 5, type=highspy.HighsVarType.kInteger) for _ in range(60)]
    for _ in range(20):
        weights = rng.integers(5, 60, 60)
        highs.addConstr(sum(int(w) * v for w, v in zip(weights, x)) <= int(weights.sum() * 0.7))
    values = rng.integers(10, 80, 60)
    highs.setObjective(
        sum(int(value) * v for value, v in zip(values, x)), highspy.ObjSense.kMaximize
    )
    if len(start):
        highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), np.array(start))
    highs.run()
    return highs.getObjectiveValue(), highs.getModelStatus(), highs.getSolution().col_value


best, _, values = solve(0.0, 2000)
wide, status, _ = solve(1000.0, 50, values[:30])
narrow, _, _ = solve(0.0, 50, values[:30])
print(f"best {best:.0f}, partial start with a wide gap {wide:.0f} ({status}), narrow {narrow:.0f}")
assert status == highspy.HighsModelStatus.kOptimal
assert wide < best - 50
assert abs(narrow - best) < 1e-6
PY
for version in 1.13.1 1.15.1 1.16.0; do
    python3 -m venv --clear "$work/venv"
    "$work/venv/bin/pip" install --quiet "highspy==$version" "numpy==2.3.5"
    echo "highspy $version"
    "$work/venv/bin/python" "$work/partial.py"
done
