"""Write the overlay of a calibration: overrides for scenarios to name, with their origin."""

import io
from importlib.metadata import version
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from sim.atomic import replace_file, require_place
from sim.calibration.summary import INTERVAL, Calibration
from sim.calibration.targets import read_targets
from sim.calibration.trials import REPLICATIONS
from sim.errors import CalibrationError
from sim.scenario.merged_files import sources
from sim.studies.store import writing

DIGITS = 6
"""Significant digits of a value in the sample."""
LONGEST_SOURCE = 500
HEAD = "# Written by `equiscan calibrate`"
"""How an overlay begins, by which it is known as one."""
METHOD = (
    "history matching by waves with Gaussian-process emulators; the last wave weighted by its own "
    "trials (docs/calibration.md)"
)


def write_overlay(found: Calibration, out: Path, *, overwrite: bool = False) -> Path:
    """Write the overlay and return where; nothing is replaced unless told.

    Raises
    ------
    CalibrationError
        Where the file exists already, or is no overlay.
    """
    _require_ours(out, overwrite=overwrite)
    yaml = YAML()
    yaml.width = 100
    stream = io.StringIO()
    yaml.dump({"calibration": _origin(found), "overrides": _overrides(found)}, stream)
    content = f"{HEAD}: write it again rather than change it.\n{stream.getvalue()}".encode()
    with writing(out):
        replace_file(out, lambda file: file.write(content))
    return out


def require_writable(out: Path, *, targets: Path, overwrite: bool) -> None:
    """Raise where an overlay cannot be written, before what it is made of is simulated.

    Raises
    ------
    CalibrationError
        Where something lies there that is not to be replaced, or that calibration itself reads.
    RunFolderError
        Where nothing can be written.
    """
    read = {targets, *sources(targets.parent / read_targets(targets)[0].scenario)}
    if out.resolve() in {file.resolve() for file in read}:
        raise CalibrationError(f"{out} is what this calibration reads: choose another --out.")
    _require_ours(out, overwrite=overwrite)
    require_place(out)


def _require_ours(out: Path, *, overwrite: bool) -> None:
    """Raise where something would be replaced without being told to, or that is no overlay."""
    if not (out.exists() or out.is_symlink()):
        return
    if not overwrite:
        raise CalibrationError(f"{out} exists already; --overwrite replaces it.")
    written = b""
    if out.is_file() and not out.is_symlink():
        with out.open("rb") as file:
            written = file.read(len(HEAD))
    if written != HEAD.encode():
        raise CalibrationError(
            f"{out} was not written by `equiscan calibrate`; it is left alone. Choose another "
            "--out."
        )


def _origin(found: Calibration) -> dict[str, object]:
    """Return what is needed to judge the overlay, and to write it again."""
    question = found.question
    low, high = INTERVAL
    return {
        "scenario": question.targets.scenario,
        "version": version("equiscan"),
        "method": METHOD,
        "seed": found.seed,
        "trials": found.simulated,
        "replications": REPLICATIONS,
        "effective_rows": round(found.effective, 1),
        "discrepancy": question.targets.discrepancy,
        "intervals": f"{low:.0%} to {high:.0%}",
        "targets": [
            {**_rounded(dict(row)), "source": target.source}
            for row, target in zip(
                found.targets().to_dict("records"), question.targets.targets, strict=True
            )
        ],
        "parameters": [_rounded(dict(row)) for row in found.parameters().to_dict("records")],
    }


def _overrides(found: Calibration) -> dict[str, object]:
    table = found.parameters()
    low, high = (table[name].tolist() for name in ("low", "high"))
    matched = "; ".join(f"{one.name} {one.value:g}" for one in found.question.targets.targets)
    source = f"calibrated to {matched}"
    if len(source) > LONGEST_SOURCE:
        source = f"{source[: LONGEST_SOURCE - 4]} ..."
    overrides: dict[str, object] = {}
    for k, one in enumerate(found.question.unknowns):
        sample = [_significant(value) for value in found.values[:, k].tolist()]
        overrides[one.name] = {
            "value": sample[found.middle],
            "low": min(_significant(low[k]), sample[found.middle]),
            "high": max(_significant(high[k]), sample[found.middle]),
            "status": "calibrated",
            "source": source,
            "sample": _in_lines(sample),
        }
    return overrides


def _rounded(row: dict[object, object]) -> dict[str, object]:
    return {
        str(key): _significant(value) if isinstance(value, float) else value
        for key, value in row.items()
    }


def _in_lines(sample: list[float]) -> CommentedSeq:
    """Return the sample so that YAML writes many values on a line."""
    sequence = CommentedSeq(sample)
    sequence.fa.set_flow_style()
    return sequence


def _significant(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
