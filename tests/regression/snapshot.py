"""What small studies come to: ``make snapshot`` writes it, the tests hold every change to it."""

import json
from pathlib import Path

import sim

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_name("snapshot.json")
DIGITS = 12
STUDIES = {
    "dermoscopy in two countries": [
        "horizon={decide_years: 2, score_years: 3, warm_up_years: 1}",
    ],
    "CT in one country, with a law": [
        "regions=[GHA]",
        "modalities={dermoscopy: null, ct: 1.0}",
        "response.transport=made up for a test",
        "horizon={decide_years: 2, score_years: 2, warm_up_years: 1}",
        "policy_steps=[{kind: agreement, year: 2027, ramp_years: 2}]",
    ],
}
"""Changes to ``scenarios/tiny.yaml`` that make each."""
PLANS = ("baseline", "by_need", "care_and_ai")


def outcomes() -> dict[str, dict[str, dict[str, float]]]:
    """Return the outcomes of every study, by plan, means over two draws."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, changes in STUDIES.items():
        study = sim.study(ROOT / "scenarios" / "tiny.yaml", overrides=changes)
        means = study.compare(PLANS, draws=2, replications=1).by_draw.groupby(level="policy").mean()
        found[name] = {
            plan: {what: float(f"{value:.{DIGITS}g}") for what, value in means.loc[plan].items()}
            for plan in PLANS
        }
    return found


if __name__ == "__main__":
    KEPT.write_text(json.dumps(outcomes(), indent=1) + "\n", encoding="utf-8")
