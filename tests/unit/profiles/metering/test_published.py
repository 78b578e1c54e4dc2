"""Published trainings: what they consist of, and what follows from it."""

import pytest

from sim.profiles.metering.published import contents, recipes


def by_name(rows):
    return {row["recipe"]: row for row in rows}


def test_flops_counted_from_parameters_and_patches_are_close_to_published_ones():
    both = {row["recipe"]: row["error"] for row in contents() if row["error"] is not None}
    assert set(both) == {"DERETFound", "ViT"}
    assert all(abs(error) < 0.05 for error in both.values())


def test_a_masked_autoencoder_is_counted_by_what_its_encoder_sees():
    row = by_name(contents())["RETFound-MEH"]
    patches = (224 // 16) ** 2
    assert row["counted_flop"]["value"] == pytest.approx(6 * (3.04e8 / 4 + 2.6e7) * patches)
    assert row["passes"]["value"] == 904_170 * 800


def test_what_was_not_published_is_left_out_and_not_guessed():
    rows = by_name(contents())
    assert rows["TransMIL"]["parameters"] is None
    assert rows["TransMIL"]["counted_flop"] is None
    assert rows["InceptionV3"]["counted_flop"] is None  # it sees no patches
    assert rows["Phikon-v2"]["images"] is None
    assert all(row["sources"] for row in rows.values())
    held = by_name(recipes({"joules_per_flop": 1e-11}))
    assert not set(held) & {"TransMIL", "CLAM", "Prov-GigaPath", "RETFound-Green"}


def test_hours_are_of_the_gpu_that_they_were_counted_on():
    held = by_name(recipes({"joules_per_flop": 1e-11}))
    assert held["MAE ViT-L"]["gpu"] == "V100"
    assert held["MAE ViT-L"]["published_kwh"]["value"] == pytest.approx(2688 * 0.3)
    assert held["DINOv2 ViT-g"]["published_kwh"]["value"] == pytest.approx(22_000 * 0.4)
    assert held["ViT"]["published_as"] == "energy"


def test_prediction_is_flops_times_joules_per_flop_and_no_gpu_beats_its_peak():
    for row in recipes({"joules_per_flop": 2e-11}):
        predicted = row["flop"]["value"] * 2e-11 / 3.6e6
        assert row["predicted_kwh"]["value"] == pytest.approx(predicted)
        assert row["ratio"]["value"] == pytest.approx(predicted / row["published_kwh"]["value"])
        assert row["ratio"]["low"] <= row["ratio"]["value"] <= row["ratio"]["high"]
        assert 0 < row["implied_utilisation"]["high"] < 1
