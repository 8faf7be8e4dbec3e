from __future__ import annotations

import numpy as np
import pytest

from lmreg.data.scenes import BOXES, Scenes, draw_scenes, render_scenes


def scenes(count: int = 24, seed: int = 5) -> Scenes:
    return draw_scenes(np.random.default_rng(seed), count)


def rays(some: Scenes, side: int) -> np.ndarray:
    """Return the ray through every pixel's centre in the world, float64 [n, side, side, 3]."""
    ends = (2 * np.arange(side) + 1) / side - 1
    tangent = some.tangent[:, None, None].astype(float)
    x, y = np.broadcast_arrays(tangent * ends, -tangent * ends[:, None])
    return np.stack([x, y, np.ones_like(x)], 3) @ some.camera[:, None].astype(float)


def test_every_depth_lies_on_a_surface_and_none_is_nearer() -> None:
    some, side = scenes(), 16
    _, depth = render_scenes(some, side)
    points = some.origin[:, None, None] + np.nan_to_num(depth)[..., None] * rays(some, side)
    nearest = np.full(depth.shape, np.inf)
    for n, i in zip(*np.nonzero(some.present), strict=True):
        cos, sin = some.turn[n, i].astype(float)
        x, y, z = np.moveaxis(points[n] - some.centre[n, i], 2, 0)
        local = np.abs(np.stack([cos * x - sin * z, y, sin * x + cos * z])) - some.size[n, i][:, None, None]
        if i < 2 + BOXES:  # the signed distance to a box
            outside = np.linalg.norm(local.clip(min=0), axis=0)
            distance = outside + local.max(0).clip(max=0)
        else:
            distance = np.linalg.norm(points[n] - some.centre[n, i], axis=2) - some.size[n, i, 0]
        nearest[n] = np.minimum(nearest[n], distance)
    seen = ~np.isnan(depth)
    error = np.abs(nearest[seen]) / depth[seen]
    # The precision of float32 on a ground 120 m long: a hundred-thousandth of the depth.
    assert error.max() < 1e-4
    assert (some.present.sum(1) > 3).any()


def test_depth_is_along_the_optical_axis() -> None:
    """A wall that faces the camera has the same depth everywhere, whatever the angles of the rays."""
    some = scenes(3)
    for values in (some.present[:, 2:], some.camera, some.turn):
        values[:] = 0
    some.camera[:] = np.eye(3)
    some.turn[..., 0] = 1
    some.centre[:, 1], some.size[:, 1] = (0, 0, 7.5), (50, 50, 0.5)
    _, depth = render_scenes(some, 20)
    upper = depth[:, :10]
    np.testing.assert_allclose(upper, 7, rtol=1e-5)
    # The ground below it: similar triangles.
    height, down = some.origin[:, 1], (2 * 19 + 1) / 20 - 1
    np.testing.assert_allclose(
        depth[:, 19], np.minimum(7, height / (down * some.tangent))[:, None] * np.ones(20), rtol=1e-4
    )


def test_a_scene_does_not_depend_on_those_rendered_with_it() -> None:
    some = scenes(20)
    images, depth = render_scenes(some, 12)
    for place in (slice(3, 4), slice(10, 20)):
        again, far = render_scenes(some[place], 12)
        np.testing.assert_array_equal(images[place], again)
        np.testing.assert_array_equal(depth[place], far)


def test_scenes_depend_on_the_generator_only() -> None:
    (images, depth), (same, far), (other, _) = (render_scenes(scenes(8, seed), 12) for seed in (5, 5, 6))
    np.testing.assert_array_equal(images, same)
    np.testing.assert_array_equal(depth, far)
    assert (images != other).any(axis=(1, 2, 3)).all()


def test_pictures_use_the_range_of_values_and_depths() -> None:
    images, depth = render_scenes(scenes(300), 24)
    assert (images.dtype, depth.dtype) == (np.uint8, np.float32)
    seen = ~np.isnan(depth)
    assert 0.02 < 1 - seen.mean() < 0.2  # some sky: missing depth
    assert seen.mean((1, 2)).min() > 0.1
    assert np.nanmin(depth) > 0.3  # the camera is in no solid
    ratio = np.nanmax(depth, (1, 2)) / np.nanmin(depth, (1, 2))
    assert np.median(ratio) > 4
    assert ratio.min() > 1.1
    assert images.std((1, 2)).mean() > 15
    assert (images == 255).all(3).mean() < 0.1


@pytest.mark.parametrize("channels", [slice(0, 1), slice(0, 3)])
def test_colour_says_little_about_depth(channels: slice) -> None:
    """Colour, which haze changes with distance, explains little of the variance of inverse depth over all
    pixels: less than the height in the picture does, and neither is nearly enough."""
    images, depth = render_scenes(scenes(600), 24)
    seen = ~np.isnan(depth)
    inverse = 1 / depth[seen]
    inverse = (inverse - inverse.mean()) / inverse.std()

    def explained(cues: np.ndarray) -> float:
        design = np.column_stack([np.ones(len(inverse)), cues, cues**2])
        fitted = design @ np.linalg.lstsq(design, inverse, rcond=None)[0]
        return float(fitted.var())

    colour = explained(images[..., channels][seen] / 255.0)
    row = np.broadcast_to(np.linspace(0, 1, 24)[:, None], depth.shape)[seen]
    assert colour < explained(row[:, None]) < 0.3
