from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lmreg.task.depth import Config, Depth, _trimmed_sum

NAN = math.nan
PLAIN = Config(gradient_weight=None)
CONFIGS = [PLAIN, Config(), Config(trim=0, scales=2)]


def maps(count: int = 3, height: int = 9, width: int = 8, missing: float = 0.3) -> tuple[Tensor, Tensor]:
    """Random outputs and positive targets with missing pixels, in float64."""
    generator = torch.Generator().manual_seed(3)
    outputs = torch.randn(count, 1, height, width, generator=generator, dtype=torch.float64)
    targets = 0.1 + torch.rand(count, height, width, generator=generator, dtype=torch.float64)
    gaps = torch.rand(targets.shape, generator=generator) < missing
    return outputs, torch.where(gaps, NAN, targets)


def row(*values: float) -> Tensor:
    """Return one image of one row."""
    return torch.tensor([[values]], dtype=torch.float64)


def measured(outputs: Tensor, targets: Tensor, config: Config | None = None) -> dict[str, float]:
    task = Depth(config)
    return dict(zip(task.scores, task.measure(outputs, targets).tolist(), strict=True))


def by_hand(output: Tensor, target: Tensor, trim: float) -> float:
    """Equations 5 to 7 for one image, with a sort and Python's arithmetic."""
    valid = ~target.isnan()
    aligned = []
    for values in (output[0][valid], target[valid]):
        shifted = values - values.sort().values[(len(values) - 1) // 2]
        aligned.append(shifted / shifted.abs().mean())
    residuals = (aligned[0] - aligned[1]).abs().sort().values
    kept = math.ceil((1 - trim) * len(residuals))
    return (residuals[:kept].sum() / (2 * len(residuals))).item()


@pytest.mark.parametrize("trim", [0, 0.2, 0.5])
def test_the_loss_is_the_papers(trim: float) -> None:
    outputs, targets = maps()
    expected = [by_hand(o, t, trim) for o, t in zip(outputs, targets, strict=True)]
    task = Depth(Config(trim=trim, gradient_weight=None))
    assert task.loss(outputs, targets).item() == pytest.approx(sum(expected) / 3, rel=1e-12)
    whole, full = maps(missing=0)
    assert task.loss(whole[:1], full[:1]).item() == pytest.approx(by_hand(whole[0], full[0], trim), rel=1e-12)


def test_equal_residuals_are_counted_one_by_one() -> None:
    # Residuals 0, 0, 1, 1: with a quarter trimmed one of the last two stays.
    outputs, targets = row(0, 1, 2, 3)[None], row(0, 1, 3, 2)
    task = Depth(Config(trim=0.25, gradient_weight=None))
    assert task.loss(outputs, targets).item() == pytest.approx(by_hand(outputs[0], targets[0], 0.25))
    task = Depth(Config(trim=0.5, gradient_weight=None))
    assert task.loss(outputs, targets).item() == 0


def test_the_gradient_term_by_hand() -> None:
    # Median 1 (the lower middle), mean absolute deviation 1: aligned are -1, 0, 1, 2 and -1, 0, 2, 1.
    outputs, targets = row(0, 1, 2, 3)[None], row(0, 1, 3, 2)
    difference = Depth(Config(scales=1)).loss(outputs, targets) - Depth(PLAIN).loss(outputs, targets)
    # Residuals 0, 0, -1, 1: differences 0, 1, 2 over 4 pixels, half of it.
    assert difference.item() == pytest.approx(0.5 * 3 / 4)
    difference = Depth(Config(scales=2)).loss(outputs, targets) - Depth(Config(scales=1)).loss(
        outputs, targets
    )
    assert difference.item() == pytest.approx(0.5 * 1 / 2)  # residuals 0, -1 at half the resolution
    # A missing pixel takes both its differences with it.
    gap = torch.tensor([[[0, 1, NAN, 2, 3]]], dtype=torch.float64)
    outputs = row(0, 1, 9, 3, 2)[None]
    difference = Depth(Config(scales=1)).loss(outputs, gap) - Depth(PLAIN).loss(outputs, gap)
    assert difference.item() == pytest.approx(0.5 * 2 / 4)


@pytest.mark.parametrize("config", CONFIGS)
def test_gradients(config: Config) -> None:
    outputs, targets = maps(2, 5, 4)
    outputs.requires_grad_()
    assert torch.autograd.gradcheck(lambda o: Depth(config).loss(o, targets), [outputs], eps=1e-7)


@pytest.mark.parametrize("config", CONFIGS)
def test_scale_and_shift_are_free(config: Config) -> None:
    outputs, targets = maps()
    task = Depth(config)
    loss = task.loss(outputs, targets).item()
    scale, shift = torch.tensor([0.01, 3, 700])[:, None, None], torch.tensor([-5, 0, 40])[:, None, None]
    assert task.loss(scale[:, None] * outputs + shift[:, None], targets).item() == pytest.approx(loss)
    assert task.loss(outputs, scale * targets + shift).item() == pytest.approx(loss)
    good = torch.where(targets.isnan(), 0, targets)[:, None]
    assert task.loss(good, targets).item() == 0
    assert task.loss(-good, targets).item() > 0.5  # but not the direction
    before = measured(outputs, targets)
    after = measured(scale[:, None] * outputs + shift[:, None], targets)
    assert after == pytest.approx(before, rel=1e-5)
    other = measured(outputs, scale * targets)
    assert other == pytest.approx(before, rel=1e-5)
    assert measured(outputs, scale * targets + shift)["rmse"] == pytest.approx(before["rmse"], rel=1e-5)


def test_outliers_do_not_matter() -> None:
    _, targets = maps(1, 10, 10, missing=0)
    outputs = targets[:, None].clone()
    top = targets.flatten().argsort()[85:]
    # Some go further above the median: of 100 pixels 15 have large residuals, and these are left out.
    outputs.view(-1)[top] += torch.arange(15, 30)
    outputs.requires_grad_()
    gradients = {}
    for trim in (0.0, 0.2):
        outputs.grad = None
        Depth(Config(trim=trim, gradient_weight=None)).loss(outputs, targets).backward()
        assert outputs.grad is not None
        gradients[trim] = outputs.grad.view(-1)[top].clone()
    # What is left comes from the alignment alone, which all of them change alike: larger values shrink
    # the others. Without trimming they are pulled down, as their own residuals want it.
    assert (gradients[0.2] < 0).all() or (gradients[0.2] > 0).all()
    assert gradients[0.2].std() < 1e-12
    assert not torch.allclose(gradients[0.0], gradients[0.2])
    errors = torch.tensor([[[0.3, 0.1, NAN, 0.2, 5.0, 0.4]]])
    sums = [_trimmed_sum(torch.where(errors == 5, far, errors), ~errors.isnan(), 0.8) for far in (5.0, 1e9)]
    assert [s.item() for s in sums] == pytest.approx([1.0, 1.0])
    assert _trimmed_sum(errors, ~errors.isnan(), 0.81).item() == pytest.approx(6.0)


@pytest.mark.parametrize("config", CONFIGS)
def test_missing_pixels_have_no_influence(config: Config) -> None:
    outputs, targets = maps()
    missing = targets.isnan()[:, None]
    results = []
    for value in (0.0, 1e30, NAN, math.inf):
        filled = torch.where(missing, value, outputs).requires_grad_()
        loss = Depth(config).loss(filled, targets)
        loss.backward()
        assert filled.grad is not None
        assert filled.grad.isfinite().all()
        assert (filled.grad[missing] == 0).all()
        assert (filled.grad[~missing] != 0).any()
        results.append((loss.item(), measured(filled.detach(), targets, config)))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("config", CONFIGS)
def test_images_without_depth_to_learn_from(config: Config) -> None:
    outputs, targets = maps(4)
    targets[1] = NAN
    targets[2] = torch.where(targets[2].isnan(), NAN, 0.7)
    targets[3] = NAN
    targets[3, 2, 2] = 0.5  # a single pixel
    outputs.requires_grad_()
    loss = Depth(config).loss(outputs, targets)
    loss.backward()
    assert loss.item() == pytest.approx(Depth(config).loss(outputs[:1], targets[:1]).item() / 4)
    assert outputs.grad is not None
    assert (outputs.grad[1:] == 0).all()
    assert (outputs.grad[0] != 0).any()
    detached = outputs.detach()
    assert list(measured(detached[1:2], targets[1:2], config).values()) == [0, 0, 0, 0]
    for i in (2, 3):  # a constant map is met exactly by shifting
        found = measured(detached[i : i + 1], targets[i : i + 1], config)
        assert found["loss"] == found["rmse"] == 0
        assert found["delta1"] == 100
        assert found["abs_rel"] == pytest.approx(0, abs=1e-6 if i == 3 else 1)


def test_a_constant_prediction_is_scored_as_one() -> None:
    targets = row(1, 2, 3, 2)
    outputs = torch.full((1, 1, 1, 4), 5.0, dtype=torch.float64, requires_grad=True)
    loss = Depth(PLAIN).loss(outputs, targets)
    loss.backward()
    assert outputs.grad is not None
    assert (outputs.grad == 0).all()
    # Aligned truth -2, 0, 2, 0 against 0.
    assert loss.item() == pytest.approx(4 / (2 * 4))
    found = measured(outputs.detach(), targets)
    assert found["rmse"] == pytest.approx(100 * math.sqrt(0.5) / 2)


def test_scores_by_hand() -> None:
    # Least squares: (0, 1, 2, 3) on (1, 2, 3, 6) has slope 1.6 and mean 3, so 0.6, 2.2, 3.8, 5.4;
    # 0.6 lies beyond the largest true depth and is capped at 1.
    outputs, targets = row(0, 1, 2, 3)[None], row(1, 2, 3, 6)
    found = measured(outputs, targets)
    squares = 0.4**2 + 0.2**2 + 0.8**2 + 0.6**2
    assert found["rmse"] == pytest.approx(100 * math.sqrt(squares / 4) / 5)
    assert found["abs_rel"] == pytest.approx((0 + abs(2 / 2.2 - 1) + abs(3 / 3.8 - 1) + (6 / 5.4 - 1)) / 4)
    assert found["delta1"] == pytest.approx(75)  # 3.8 / 3 is more than 1.25
    perfect = measured(2 * targets[:, None] + 7, targets)
    assert perfect == pytest.approx({"loss": 0, "rmse": 0, "abs_rel": 0, "delta1": 100}, abs=1e-5)


def test_infinitely_far_pixels_count_for_disparity_only() -> None:
    outputs, targets = row(0, 1, 2, 3, 0)[None], row(1, 2, 3, 6, 0)
    found = measured(outputs, targets)
    # The pixel takes part in the alignment: with it the means are 1.2 and 2.4.
    x, y = (-1.2, -0.2, 0.8, 1.8, -1.2), (-1.4, -0.4, 0.6, 3.6, -2.4)
    slope = sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)
    aligned = [max(1, slope * a + 2.4) for a in x[:4]]
    expected = sum(abs(y / a - 1) for y, a in zip((1, 2, 3, 6), aligned, strict=True)) / 4
    assert found["abs_rel"] == pytest.approx(expected)
    assert measured(outputs, targets - 10)["delta1"] == 0  # no pixel has a depth at all


def test_measure_adds_up_single_images() -> None:
    outputs, targets = maps(5)
    targets[3] = NAN
    task = Depth()
    each = [task.measure(outputs[i : i + 1], targets[i : i + 1]) for i in range(5)]
    whole = task.measure(outputs, targets)
    torch.testing.assert_close(torch.stack(each).sum(0), whole)
    assert whole.dtype == torch.float32
    assert whole[0].item() / 5 == pytest.approx(task.loss(outputs, targets).item())


def test_half_precision_outputs_are_measured_in_the_targets_precision() -> None:
    outputs, targets = maps()
    coarse, targets = outputs.bfloat16(), targets.float()
    assert Depth().loss(coarse, targets).dtype == torch.float32
    assert Depth().loss(coarse, targets) == Depth().loss(coarse.float(), targets)


def test_directions() -> None:
    task = Depth()
    assert {name: task.scores[name].sign for name in task.scores} == {
        **dict.fromkeys(("loss", "rmse", "abs_rel"), -1),
        "delta1": 1,
    }
    assert task.outputs(10) == 1
    assert task.truth in task.scores
