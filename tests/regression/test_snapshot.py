"""No number moves unnoticed: small studies come to what is kept, or the change says so."""

import json

import pytest

from tests.regression.snapshot import KEPT, PLANS, STUDIES, outcomes


def test_small_studies_come_to_what_is_kept() -> None:
    """If a number was meant to move: `make snapshot`, and a line under **Numbers changed**."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    found = outcomes()
    assert set(kept) == set(found) == set(STUDIES)
    for name in STUDIES:
        for plan in PLANS:
            assert found[name][plan] == pytest.approx(kept[name][plan], rel=1e-9, nan_ok=True), (
                f"{name}, {plan}: if this is meant, run `make snapshot` and say so in CHANGELOG.md"
            )


def test_what_is_kept_would_notice() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    for plans in kept.values():
        assert plans["by_need"] != plans["baseline"] != plans["care_and_ai"]
        assert plans["by_need"]["spend_usd"] > 0.0
