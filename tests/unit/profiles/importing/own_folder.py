"""Folders of training runs as their makers have them, whose law is known."""

import csv
import sqlite3
from contextlib import closing
from dataclasses import fields
from itertools import product
from pathlib import Path

from codecarbon.output_methods.emissions_data import EmissionsData

from sim.streams import stream

GROUPS = ("female", "male")
COUNTS, SEEDS = (0, 50, 150, 400), 3
DESCRIPTION = """\
name: my_runs
task: melanoma against all other lesions
modality: dermoscopy
citation: made up
data: phantom
group_attribute: sex
groups:
  female: {positives: 600, negatives: 1400}
  male: {positives: 700, negatives: 1300}
not_estimable:
  other: {positives: 3, negatives: 10}
prevalence: 0.3
specificity: 0.9
folds: 3
without_images: {features: [sex], pooled: 0.53, within: {female: 0.5, male: 0.5}}
flops: {training: 4.0e+6, inference: 1.4e+6}
processor_power: nameplate
inference: {joules: 0.5, seconds: 0.01, source: made up}
"""
VERSION_3 = [field.name for field in fields(EmissionsData)]
"""Columns as the installed codecarbon writes them."""
NEWER = ("water_consumed", "wue", "cpu_utilization_percent", "gpu_utilization_percent",
         "ram_utilization_percent", "ram_used_gb")  # fmt: skip
VERSION_2 = [name for name in VERSION_3 if name not in NEWER]
"""Those of codecarbon 2.8.4."""


def runs() -> list[dict[str, object]]:
    """Return a row for every run and group, errors of a law with a kappa of 0.5 and some noise."""
    rows: list[dict[str, object]] = []
    grid = [counts for counts in product(COUNTS, repeat=2) if any(counts)]
    for seed, counts in product(range(SEEDS), grid):
        luck = stream(seed, "own folder", *counts)
        for group, own, other in zip(GROUPS, counts, counts[::-1], strict=True):
            error = 0.1 + 1.5 * (own + 0.5 * other + 40) ** -0.4
            auc = 1 - 0.6 * error + luck.normal(0, 0.004)
            rows.append(
                {
                    **{"run": f"{counts[0]}-{counts[1]}-s{seed}", "seed": seed, "group": group},
                    **{"own": own, "auc": f"{auc:.5f}", "sensitivity": f"{1 - error:.5f}"},
                    **{"specificity": 0.9, "test_positives": 120, "test_negatives": 280},
                    "samples_trained": 32_000,
                }
            )
    return rows


def write_csv(place: Path, rows: list[dict[str, object]], between: str = ",") -> None:
    """Write a table, columns as in its first row."""
    with place.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=between)
        table.writeheader()
        table.writerows(rows)


def emissions(version: str, columns: list[str]) -> list[dict[str, object]]:
    """Return codecarbon's rows for the runs, one a training."""
    names = dict.fromkeys(str(row["run"]) for row in runs())
    known: dict[str, object] = {
        **{"duration": 20.0, "emissions": 4e-5, "cpu_energy": 6e-5, "gpu_energy": 0.0},
        **{"ram_energy": 4e-5, "energy_consumed": 1e-4, "country_iso_code": "USA", "pue": 1.0},
        **{"codecarbon_version": version, "cpu_count": 8, "cpu_model": "a processor"},
        **{"tracking_mode": "machine", "python_version": "3.12.1", "os": "Linux"},
        **{"cpu_utilization_percent": 50.0, "timestamp": "2026-05-02T10:00:00"},
    }
    return [
        {c: known.get(c, "") for c in columns} | {"project_name": name, "run_id": f"id-{name}"}
        for name in names
    ]


def own_folder(place: Path, *, version: str = "2.8.4", description: str = DESCRIPTION) -> Path:
    """Write description, table of runs and codecarbon's table; return the folder."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "profile.yaml").write_text(description, encoding="utf-8")
    write_csv(place / "runs.csv", runs())
    columns = VERSION_2 if version.startswith("2") else VERSION_3
    write_csv(place / "emissions.csv", emissions(version, columns))
    return place


def write_mlflow(store: Path) -> None:
    """Write the runs as MLflow's file store does, with a column for every group."""
    by_run: dict[str, dict[str, dict[str, object]]] = {}
    for row in runs():
        by_run.setdefault(str(row["run"]), {})[str(row["group"])] = row
    (store / "0").mkdir(parents=True)
    (store / "0" / "meta.yaml").write_text("experiment_id: '0'\nname: Default\n")
    for number, (name, groups) in enumerate(by_run.items()):
        run = store / "0" / f"{number:032x}"
        first = groups[GROUPS[0]]
        params = {"seed": first["seed"]} | {f"n_{g}": row["own"] for g, row in groups.items()}
        metrics = {"samples": first["samples_trained"]} | {
            f"test/{score}_{g}": row[score]
            for g, row in groups.items()
            for score in ("auc", "sensitivity", "specificity", "test_positives", "test_negatives")
        }
        for kind, values in (("params", params), ("tags", {"mlflow.runName": name})):
            (run / kind).mkdir(parents=True)
            for key, value in values.items():
                (run / kind / key).write_text(str(value))
        for key, value in metrics.items():
            (run / "metrics" / key).parent.mkdir(parents=True, exist_ok=True)
            last = f"1767225660000 {value} 10 train a1"  # of a data set, which has a digest
            lines = f"1767225600000 9 0\n{last}\n1767225660000 9 5 train a1\n"
            (run / "metrics" / key).write_text(lines)
        about = f"run_id: {run.name}\nrun_uuid: {run.name}\nstatus: 3\nlifecycle_stage: active\n"
        (run / "meta.yaml").write_text(about)


MLFLOW_TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256), lifecycle_stage VARCHAR(32));
CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), status VARCHAR(9), start_time BIGINT,
  lifecycle_stage VARCHAR(20), experiment_id INTEGER);
CREATE TABLE latest_metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, step BIGINT, is_nan BOOLEAN,
  run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));
CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));
CREATE TABLE tags (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));
INSERT INTO experiments VALUES (0, 'Default', 'active'), (1, 'Old', 'deleted');
INSERT INTO runs VALUES ('d0', 'x', 'FINISHED', 0, 'deleted', 0), ('d1', 'x', 'FINISHED', 0, 'active', 1);
"""  # noqa: E501
"""Those of MLflow 3's SQLite database that hold runs, without columns that say nothing of them."""


def write_mlflow_database(place: Path, store: Path) -> None:
    """Write the runs of MLflow's files into a database as it keeps them."""
    with closing(sqlite3.connect(place)) as there:
        there.executescript(MLFLOW_TABLES)
        for about in sorted((store / "0").glob("*/meta.yaml")):
            run = about.parent
            name = (run / "tags" / "mlflow.runName").read_text()
            there.execute(
                "INSERT INTO runs VALUES (?, ?, 'FINISHED', 0, 'active', 0)", (run.name, name)
            )
            for kind, table in (("metrics", "latest_metrics"), ("params", "params")):
                for file in sorted((run / kind).rglob("*")):
                    if file.is_file():
                        key, text = file.relative_to(run / kind).as_posix(), file.read_text()
                        last = text.splitlines()[1 if kind == "metrics" else 0].split()
                        values = (
                            (key, float(last[1]), 0, 10, 0) if kind == "metrics" else (key, text)
                        )
                        marks = ", ".join("?" * (len(values) + 1))
                        there.execute(f"INSERT INTO {table} VALUES ({marks})", (*values, run.name))
        there.commit()
