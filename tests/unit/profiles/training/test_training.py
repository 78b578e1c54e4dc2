"""What trains: batches and losses by group, the generator, and pre-training without labels."""

import os
from itertools import islice

import numpy as np
import pytest
import torch

from sim.errors import ProfileError
from sim.profiles.design import MeasurementPlan
from sim.profiles.images.training_set import TrainingSet
from sim.profiles.training.generator import generate, train_generator
from sim.profiles.training.mitigation import Objective, batches
from sim.profiles.training.network import (
    build,
    compute_repeatably,
    computing,
    flops,
    schedule,
    train,
)
from sim.profiles.training.pretraining import _contrast, pretrain
from sim.profiles.treatment import CONTROL, Treatment
from sim.streams import stream

CPU = torch.device("cpu")
PLAN = MeasurementPlan(
    name="toy",
    task="toy",
    modality="toy",
    citation="generated",
    source="phantom",
    groups=("a", "b"),
    counts=(0, 20),
    prevalence=0.5,
    image_px=16,
    widths=(8, 16),
    steps=30,
    batch=16,
    generator_steps=120,
    threads=1,
)
torch.set_num_threads(PLAN.threads)  # threads that wait for each other on a busy machine are slow
UNEQUAL = np.repeat([0, 1], [90, 10])


def drawn(mitigation, steps=200):
    rng = stream(0, "batches")
    return list(islice(batches(UNEQUAL, 16, mitigation, rng), steps))


def test_plain_batches_visit_every_image_equally_often():
    seen = np.bincount(np.concatenate(drawn("none")), minlength=100)
    assert seen.max() - seen.min() <= 1


def test_balanced_batches_hold_as_many_images_of_each_group():
    assert all((UNEQUAL[rows] == 1).sum() == 8 for rows in drawn("balanced"))


def test_reweighting_makes_groups_count_alike():
    group = torch.from_numpy(UNEQUAL)
    loss = torch.where(group == 0, 1.0, 3.0)
    objective = Objective(UNEQUAL, "reweighted", CPU)
    assert float(objective(loss, group)) == pytest.approx((1.0 + 3.0) / 2)
    assert float(Objective(UNEQUAL, "none", CPU)(loss, group)) == pytest.approx(1.2)


def test_group_dro_moves_to_the_group_with_the_larger_loss():
    group = torch.from_numpy(UNEQUAL)
    loss = torch.where(group == 0, 1.0, 3.0)
    objective = Objective(UNEQUAL, "group_dro", CPU)
    values = [float(objective(loss, group)) for _ in range(200)]
    assert values[0] == pytest.approx(2.0, abs=0.1)
    assert values[-1] > 2.9
    assert (np.diff(values) >= -1e-6).all()


@pytest.mark.parametrize("mitigation", ["none", "reweighted", "balanced", "group_dro"])
def test_a_group_without_studies_does_not_matter(mitigation):
    only_b = np.ones(40, dtype=np.int64)
    rows = next(batches(only_b, 16, mitigation, stream(0, "alone")))
    objective = Objective(only_b, mitigation, CPU)
    loss = objective(torch.ones(16), torch.from_numpy(only_b[rows]))
    assert float(loss) == pytest.approx(1.0)


def bright(count=64):
    """Return images that are dark in negatives and bright in positives, the same in groups."""
    label = (np.arange(count) % 2).astype(np.int8)
    noise = stream(0, "bright").normal(0, 10, (count, 16, 16, 3))
    images = np.clip(60 + 130.0 * label[:, None, None, None] + noise, 0, 255).astype(np.uint8)
    return TrainingSet(images, label, (np.arange(count) // 2) % 2)


def test_generated_studies_look_like_their_class():
    real = bright()
    generator = train_generator(PLAN, real, seed=0, device=CPU)
    made = generate(PLAN, generator, real, 0.5, seed=0, device=CPU)
    assert made.images.shape == (32, 16, 16, 3)
    assert (made.label == real.label[:32]).all()
    assert (made.group == real.group[:32]).all()
    light = made.images.mean(axis=(1, 2, 3))
    assert light[made.label == 1].mean() > light[made.label == 0].mean() + 30
    again = generate(PLAN, generator, real, 0.5, seed=0, device=CPU)
    assert (again.images == made.images).all()


def test_a_group_without_studies_gets_the_average_of_the_others():
    real = bright()
    plan = PLAN.model_copy(update={"groups": ("a", "b", "none")})
    generator = train_generator(plan, real, seed=0, device=CPU)
    kinds = generator["kind.weight"]
    for label in (0, 1):  # kinds are numbered group by group
        np.testing.assert_allclose(
            kinds[4 + label], (kinds[label] + kinds[2 + label]) / 2, rtol=1e-5
        )
    held = generate(plan, generator, real, 1.5, seed=0, device=CPU)
    made = generate(plan, generator, real, 1.5, seed=0, device=CPU, absent=[2])
    assert (made.images[: len(held)] == held.images).all()
    assert np.bincount(made.group).tolist() == [48, 48, 48]
    rest = made.label[len(held) :]
    assert rest.mean() == pytest.approx(real.label.mean(), abs=0.03)
    light = made.images[len(held) :].mean(axis=(1, 2, 3))
    assert light[rest == 1].mean() > light[rest == 0].mean() + 30


def test_images_that_cannot_be_halved_twice_cannot_be_generated():
    with pytest.raises(ProfileError, match="no multiple of 4"):
        train_generator(PLAN.model_copy(update={"image_px": 18}), bright(), seed=0, device=CPU)


def test_pretrained_layers_start_the_training():
    real = bright()
    start = pretrain(PLAN, real.images, steps=3, seed=0, device=CPU)
    assert set(start) == set(build(PLAN)[:-1].state_dict())
    one = PLAN.model_copy(update={"steps": 1, "learning_rate": 1e-12})
    trained = train(one, real, seed=0, device=CPU, treatment=CONTROL, start=start)
    weights = trained.network.state_dict()["0.weight"].numpy()
    np.testing.assert_allclose(weights, start["0.weight"], atol=1e-6)


def test_the_loss_is_lowest_when_twins_and_only_twins_agree():
    unlike = torch.eye(8)
    found = float(_contrast(torch.cat([unlike, unlike])))
    mistaken = float(_contrast(torch.cat([unlike, unlike.roll(1, 0)])))
    assert found < 0.2 < mistaken
    assert float(_contrast(torch.ones(16, 4))) == pytest.approx(np.log(15), rel=1e-3)


def test_batches_change_steps_and_not_the_images_seen():
    for batch in (0.25, 1.0, 4.0):
        steps, size = schedule(PLAN, Treatment(batch=batch))
        assert steps * size == pytest.approx(PLAN.steps * PLAN.batch, rel=0.1)


def test_a_wider_network_costs_more():
    assert flops(PLAN, 2.0)[1] > 2 * flops(PLAN)[1]


def test_bfloat16_scores_nearly_as_full_precision():
    real = bright()
    full, half = (
        train(PLAN, real, seed=0, device=CPU, treatment=Treatment(precision=p))
        for p in ("fp32", "bf16")
    )
    assert half.precision == "bf16"
    assert np.corrcoef(full.probability(real.images), half.probability(real.images))[0, 1] > 0.9


def test_tf32_needs_cuda():
    with pytest.raises(ProfileError, match="needs CUDA"), computing("tf32", CPU):
        pass


def test_cuda_is_asked_for_the_same_numbers_each_time(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is put back as it was
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    filled = torch.utils.deterministic.fill_uninitialized_memory
    try:
        compute_repeatably()
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = filled


def test_a_training_gives_the_same_weights_each_time():
    real = bright()
    first, second = (train(PLAN, real, seed=3, device=CPU, treatment=CONTROL) for _ in range(2))
    assert (first.probability(real.images) == second.probability(real.images)).all()
