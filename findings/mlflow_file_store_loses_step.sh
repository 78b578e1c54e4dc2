#!/bin/sh
# mlflow-skinny 3.1.0 and 3.17.2: a metric logged with a dataset is read from the file store as of step 0.
#
# log_metric(run, key, value, step=..., dataset_name=..., dataset_digest=...) writes the step: the line of
# the file is time, value, step, name and digest. Reading takes the step of lines of three parts only, so
# that every value is of step 0: the history has no steps, and of values of one time the largest counts
# as the last (get_run), not that of the last step. Without a dataset steps are read as written. Read the
# third part of the line, or keep runs in a database (sqlite:///mlflow.db), which has the steps.
#
# Seen: written "1000 0.7 1 train abc"; history [(0, 0.9), (0, 0.7)], and get_run says 0.9 where it says 0.7
# without a dataset.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/steps.py" <<'PY'
import logging
import pathlib
import tempfile
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
from mlflow import MlflowClient

store = tempfile.mkdtemp()
client = MlflowClient(tracking_uri=f"file://{store}")
run = client.create_run(client.create_experiment("steps")).info.run_id
for step, value in enumerate((0.9, 0.7)):
    client.log_metric(run, "plain", value, timestamp=1000, step=step)
    named = {"dataset_name": "train", "dataset_digest": "abc"}
    client.log_metric(run, "of_data", value, timestamp=1000, step=step, **named)

written = next(pathlib.Path(store).rglob("metrics/of_data")).read_text().splitlines()
history = {
    key: [(one.step, one.value) for one in client.get_metric_history(run, key)]
    for key in ("plain", "of_data")
}
last = client.get_run(run).data.metrics
print(f"written {written}, history {history}, last {last}")
assert written[1].split()[:3] == ["1000", "0.7", "1"]
assert history["plain"] == [(0, 0.9), (1, 0.7)]
assert history["of_data"] == [(0, 0.9), (0, 0.7)]
assert (last["plain"], last["of_data"]) == (0.7, 0.9)
PY
for version in 3.1.0 3.17.2; do
    python3 -m venv --clear "$work/venv"
    "$work/venv/bin/pip" install --quiet "mlflow-skinny==$version"
    echo "mlflow-skinny $version"
    MLFLOW_ALLOW_FILE_STORE=true "$work/venv/bin/python" "$work/steps.py"
done
