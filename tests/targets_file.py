"""A small scenario and files of targets for it, written to a folder."""

from pathlib import Path

SCENARIO = """\
title: Lesions in one made-up programme
question: Does the baseline match what was published?
regions: [KEN, RWA]
groups:
  urban:
    share: urban_share
    reach: {value: 0.5, low: 0.25, high: 0.75, source: made up}
  rural:
    share: rural_share
    reach: {value: 0.2, low: 0.1, high: 0.4, source: made up}
modalities: {dermoscopy: 1.0}
horizon: {decide_years: 1, score_years: 1, warm_up_years: 1}
budget_usd_per_year: 1.0e+6
response:
  level: {value: 0.5, low: 0.3, high: 0.8, source: made up}
policies: [baseline, equal_split]
"""

TARGETS = """\
scenario: here.yaml
parameters:
  dermoscopy.need_per_1000: {low: 1, high: 12, why: made up}
  groups.urban.reach: {}
targets:
  - {output: share_arrived, region: all, value: 0.35, low: 0.3, high: 0.4, source: made up}
  - {output: exams_per_1000, region: KEN, value: 1.0, low: 0.8, high: 1.2, source: made up}
"""


def write_targets(folder: Path, text: str = TARGETS, *, scenario: str = SCENARIO) -> Path:
    """Write a scenario and targets for it, and return the file of targets."""
    (folder / "here.yaml").write_text(scenario, encoding="utf-8")
    path = folder / "targets.yaml"
    path.write_text(text, encoding="utf-8")
    return path
