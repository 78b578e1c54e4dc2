#!/bin/sh
# highspy 1.13.1, 1.15.1 and 1.16.0: a start given before Highs.maximize(objective) is lost.
#
# setSolution answers kOk. Highs.maximize(expression) then sets the objective before it solves, which
# clears the start without a word: the search ends with what it finds from nothing. Set the
# objective first (setObjective), then the start, then run().
#
# Seen with a search that any solution satisfies: the optimum given as start comes back (2909) when
# the objective is set first, and does not when it is set by maximize (2501; 2735 in 1.16.0).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/start.py" <<'PY'
import highspy
import numpy as np


def model(gap):
    rng = np.random.default_rng(1)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("mip_rel_gap", 0.0)
    highs.setOptionValue("mip_abs_gap", gap)
    highs.setOptionValue("mip_max_nodes", 2000)
    x = [highs.addVariable(0, 5, type=highspy.HighsVarType.kInteger) for _ in range(60)]
    for _ in range(20):
        weights = rng.integers(5, 60, 60)
        highs.addConstr(sum(int(w) * v for w, v in zip(weights, x)) <= int(weights.sum() * 0.7))
    return highs, sum(int(value) * v for value, v in zip(rng.integers(10, 80, 60), x))


highs, objective = model(0.0)
highs.maximize(objective)
best, values = highs.getObjectiveValue(), np.array(highs.getSolution().col_value)
index = np.arange(60, dtype=np.int32)

highs, objective = model(1000.0)
given_first = highs.setSolution(60, index, values)
highs.maximize(objective)
lost = highs.getObjectiveValue()

highs, objective = model(1000.0)
highs.setObjective(objective, highspy.ObjSense.kMaximize)
highs.setSolution(60, index, values)
highs.run()
kept = highs.getObjectiveValue()

print(f"best {best:.0f}, start then maximize {lost:.0f} ({given_first}), start last {kept:.0f}")
assert given_first == highspy.HighsStatus.kOk
assert abs(kept - best) < 1e-6
assert lost < best - 100
PY
for version in 1.13.1 1.15.1 1.16.0; do
    python3 -m venv --clear "$work/venv"
    "$work/venv/bin/pip" install --quiet "highspy==$version" "numpy==2.3.5"
    echo "highspy $version"
    "$work/venv/bin/python" "$work/start.py"
done
