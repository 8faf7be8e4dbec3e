"""Scenes of spheres and boxes on a ground in front of a wall, ray-traced with their exact depth.

Ground and wall are boxes too. All properties of a scene are drawn independently: an object's colours, texture
and size say nothing about its distance (except that objects near the camera are small enough not to reach
it). A network therefore has to infer depth from perspective, occlusion, shading, shadows and haze, which vary
from scene to scene.

Lengths are in metres. In the world, y points upwards. The component of a camera's rays along its optical axis
is 1, so that the length along a ray, in units of the ray, is depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BOXES, SPHERES = 4, 4  # at most in a scene, besides ground and wall
_CHUNK = 8  # scenes rendered at a time, few enough for the processor's cache
_BIAS = 1e-3  # how far above a surface shadow rays start, relative to 1 + depth
_FAR = np.float32(1e6)


@dataclass(frozen=True)
class Scenes:
    """Scenes as float32 arrays whose first axis is the scene; solids are ground, wall, boxes, spheres.

    Attributes:
        camera: [n, 3, 3], the camera's axes right, up and forward in the world, as rows.
        origin: [n, 3], the camera's position.
        tangent: [n], the tangent of half the camera's field of view.
        present: bool [n, solids], which solids exist.
        centre: [n, solids, 3], each solid's centre.
        size: [n, solids, 3], half the edges of a box, or a sphere's radius.
        turn: [n, solids, 2], cosine and sine of each solid's rotation about the vertical.
        colours: [n, solids, 2, 3], the two colours that a texture mixes, from 0 to 1.
        waves: [n, solids, 3, 3], a texture's wave vectors in the solid's coordinates, per metre.
        phases: [n, solids, 3], the phases of these waves.
        hardness: [n, solids], from smooth (1) to sharp-edged texture.
        pattern: int [n, solids], 0 for stripes, 1 for checks, 2 for noise.
        light: [n, 3], the unit vector towards the light.
        ambient: [n], the share of light that comes from all directions.
        exposure: [n], the brightness of the whole picture.
        sky: [n, 2, 3], the sky's colours at the horizon and at the zenith.
        haze: [n], per metre, how fast things take on the colour of the horizon.
    """

    camera: np.ndarray
    origin: np.ndarray
    tangent: np.ndarray
    present: np.ndarray
    centre: np.ndarray
    size: np.ndarray
    turn: np.ndarray
    colours: np.ndarray
    waves: np.ndarray
    phases: np.ndarray
    hardness: np.ndarray
    pattern: np.ndarray
    light: np.ndarray
    ambient: np.ndarray
    exposure: np.ndarray
    sky: np.ndarray
    haze: np.ndarray

    def __len__(self) -> int:
        return len(self.light)

    def __getitem__(self, index: slice) -> Scenes:
        return Scenes(**{name: values[index] for name, values in vars(self).items()})


def draw_scenes(rng: np.random.Generator, count: int) -> Scenes:
    """Draw ``count`` random scenes."""
    height = rng.uniform(0.6, 2.5, count)
    pitch, roll = np.radians(rng.uniform(-4, 28, count)), np.radians(rng.normal(0, 4, count))
    tangent = np.tan(np.radians(rng.uniform(45, 80, count)) / 2)
    zero, one = np.zeros(count), np.ones(count)
    forward = np.stack([zero, -np.sin(pitch), np.cos(pitch)], 1)
    level = np.stack([one, zero, zero], 1)
    upright = np.cross(forward, level)
    cos, sin = np.cos(roll)[:, None], np.sin(roll)[:, None]
    camera = np.stack([cos * level + sin * upright, cos * upright - sin * level, forward], 1)

    wall = np.exp(rng.uniform(np.log(5), np.log(16), count))
    tall = np.where(rng.random(count) < 0.5, 40, rng.uniform(1, 5, count)) / 2
    objects = BOXES + SPHERES
    depth = np.exp(rng.uniform(np.log(1.2), np.log(0.9 * wall)[:, None], (count, objects)))
    aside = rng.uniform(-0.9, 0.9, (count, objects)) * depth * tangent[:, None]
    scale = np.exp(rng.uniform(np.log(0.12), np.log(1.0), (count, objects)))
    size = scale[..., None] * np.exp(rng.uniform(np.log(0.5), np.log(2), (count, objects, 3)))
    size[:, BOXES:] = scale[:, BOXES:, None]
    # Near objects are made smaller, or the camera could be inside one.
    size *= (0.6 * depth / np.linalg.norm(size, axis=2)).clip(max=1)[..., None]
    # For objects that stand on the ground, height in the picture reveals their distance: two in five float.
    lift = np.where(rng.random((count, objects)) < 0.4, rng.uniform(0, 2, (count, objects)), 0)
    centre = np.stack([aside, size[..., 1] + lift, depth], 2)
    boxes = np.arange(BOXES) < rng.integers(0, BOXES + 1, count)[:, None]
    spheres = np.arange(SPHERES) < rng.integers(1, SPHERES + 1, count)[:, None]
    present = np.concatenate([np.ones((count, 2), bool), boxes, spheres], 1)

    solids = 2 + objects
    planes = np.empty((count, 2, 3))
    planes[:, 0] = (0, -0.5, 0)
    planes[:, 1] = np.stack([zero, tall, wall + 0.5], 1)
    extents = np.empty((count, 2, 3))
    extents[:, 0] = (60, 0.5, 60)
    extents[:, 1] = np.stack([40 * one, tall, 0.5 * one], 1)
    angle = rng.uniform(-np.pi, np.pi, (count, solids))
    angle[:, 0] = 0
    angle[:, 1] = np.radians(rng.uniform(-25, 25, count))

    waves, pattern = _textures(rng, (count, solids))
    azimuth, altitude = rng.uniform(-np.pi, np.pi, count), np.radians(rng.uniform(25, 80, count))
    flat = np.cos(altitude)
    values = {
        "camera": camera,
        "origin": np.stack([zero, height, zero], 1),
        "tangent": tangent,
        "centre": np.concatenate([planes, centre], 1),
        "size": np.concatenate([extents, size], 1),
        "turn": np.stack([np.cos(angle), np.sin(angle)], 2),
        "colours": rng.uniform(0.05, 1, (count, solids, 2, 3)),
        "waves": waves,
        "phases": rng.uniform(0, 2 * np.pi, (count, solids, 3)),
        "hardness": np.exp(rng.uniform(0, np.log(20), (count, solids))),
        "light": np.stack([flat * np.sin(azimuth), np.sin(altitude), flat * np.cos(azimuth)], 1),
        "ambient": rng.uniform(0.25, 0.6, count),
        "exposure": rng.uniform(0.6, 1.1, count),
        "sky": rng.uniform(0.3, 1, (count, 2, 3)),
        "haze": np.exp(rng.uniform(np.log(0.06), np.log(0.25), count)),
    }
    floats = {name: array.astype(np.float32) for name, array in values.items()}
    return Scenes(**floats, present=present, pattern=pattern)


def _textures(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw textures: wave vectors [*shape, 3, 3], whose lengths are similar within a texture, and patterns
    [*shape]. The waves of checks are perpendicular and have equal lengths."""
    length = np.exp(rng.uniform(np.log(0.15), np.log(2.5), (*shape, 1, 1)))
    direction = rng.normal(size=(*shape, 3, 3))
    direction /= np.linalg.norm(direction, axis=3, keepdims=True)
    waves = direction * (2 * np.pi / length) * rng.uniform(0.5, 1.5, (*shape, 3, 1))
    pattern = rng.integers(0, 3, shape)
    waves[pattern == 1] = np.eye(3) * (np.pi / length[pattern == 1])
    return waves, pattern


def render_scenes(scenes: Scenes, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Render square pictures of scenes.

    Returns:
        Images uint8 [n, side, side, 3] and depth float32 [n, side, side] in metres along the optical axis, at
        the pixels' centres; NaN in the sky.
    """
    images = np.empty((len(scenes), side, side, 3), np.uint8)
    depths = np.empty((len(scenes), side, side), np.float32)
    for start in range(0, len(scenes), _CHUNK):
        here = slice(start, start + _CHUNK)
        pixels, depth = _render(scenes[here], side)
        images[here] = np.moveaxis(pixels, 0, 2).reshape(-1, side, side, 3)
        depths[here] = depth.reshape(-1, side, side)
    return images, depths


# Below, a vector's components are its first axis: [3, n, pixels], or [3, n, 1] for one vector per scene.


def _render(scenes: Scenes, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images uint8 [3, n, pixels] and depth float32 [n, pixels]."""
    ends = (2 * np.arange(side, dtype=np.float32) + 1) / side - 1
    across, down = np.meshgrid(ends, -ends)
    right, up, forward = np.moveaxis(scenes.camera, 0, 2)[..., None]
    tangent = scenes.tangent[:, None]
    rays = forward + right * (tangent * across.ravel()) + up * (tangent * down.ravel())
    origin = scenes.origin.T[..., None]
    depth, solid = _nearest(scenes, origin, rays)
    sky = depth >= _FAR
    depth = np.where(sky, 0, depth)
    points = origin + depth * rays
    surface = _Surface(scenes, solid)
    local = _turned(points - surface.centre, surface.turn)
    normals = _turned(_normals(local / surface.size, solid), surface.turn * _BACK)
    # A pixel averages the parts of a texture that it can't resolve.
    mixed = surface.texture(local, depth * tangent * (2 / side))
    towards = scenes.light.T[..., None]
    lit = _clear(scenes, points + _BIAS * (1 + depth) * normals, towards)
    facing = _dot(normals, towards).clip(min=0)
    ambient = scenes.ambient[:, None]
    light = ambient + (1 - ambient) * facing * lit
    ground = (surface.first + mixed * (surface.second - surface.first)) * light
    horizon, zenith = np.moveaxis(scenes.sky, 0, 2)[..., None]
    # In double precision, for the same reason as in `_Surface.texture`.
    seen = np.exp(-(scenes.haze[:, None] * depth).astype(np.float64)).astype(np.float32)
    ground = horizon + seen * (ground - horizon)
    above = horizon + (rays[1] / np.sqrt(_dot(rays, rays))).clip(0, 1) * (zenith - horizon)
    colours = np.where(sky, above, ground) * scenes.exposure[:, None]
    pixels = 255 * np.sqrt(colours.clip(0, 1)) + 0.5  # the square root approximates a screen's gamma
    return pixels.astype(np.uint8), np.where(sky, np.float32(np.nan), depth)


def _nearest(scenes: Scenes, origins: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far along each ray the first solid lies (`_FAR` if none), and its index: [n, pixels]."""
    best = np.full(rays.shape[1:], _FAR)
    solid = np.zeros(rays.shape[1:], np.intp)
    for i in range(scenes.present.shape[1]):
        rows = np.flatnonzero(scenes.present[:, i])
        length = _hit(scenes, rows, i, origins, rays)
        nearer = length < best[rows]
        best[rows] = np.where(nearer, length, best[rows])
        solid[rows] = np.where(nearer, i, solid[rows])
    return best, solid


def _clear(scenes: Scenes, origins: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return bool [n, pixels]: whether a ray meets no solid."""
    clear = np.ones(origins.shape[1:], bool)
    for i in range(1, scenes.present.shape[1]):  # the ground shades nothing
        rows = np.flatnonzero(scenes.present[:, i])
        clear[rows] &= _hit(scenes, rows, i, origins, rays) >= _FAR
    return clear


def _hit(scenes: Scenes, rows: np.ndarray, i: int, origins: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return how far along each ray of the scenes ``rows`` it enters solid ``i`` from outside; `_FAR` if it
    doesn't."""
    centre, size, turn = (
        values[rows, i].T[..., None] for values in (scenes.centre, scenes.size, scenes.turn)
    )
    start, along = origins[:, rows] - centre, rays[:, rows]
    if i >= 2 + BOXES:
        a, b = _dot(along, along), _dot(along, start)
        root = b * b - a * (_dot(start, start) - size[0] * size[0])
        length = (-b - np.sqrt(root.clip(min=0))) / a
        return np.where((root > 0) & (length > 0), length, _FAR)
    start, along = _turned(start, turn), _turned(along, turn)
    inverse = 1 / np.where(np.abs(along) < 1e-9, np.float32(1e-9), along)
    middle, half = -start * inverse, np.abs(size * inverse)
    entered, left = middle - half, middle + half
    enter = np.maximum(np.maximum(entered[0], entered[1]), entered[2])
    leave = np.minimum(np.minimum(left[0], left[1]), left[2])
    return np.where((enter < leave) & (enter > 0), enter, _FAR)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


_BACK = np.array([1, -1], np.float32)[:, None, None]


def _turned(vectors: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return vectors in the coordinates of solids that are rotated about the vertical."""
    cos, sin = turn
    x, y, z = vectors
    return np.stack([cos * x - sin * z, np.broadcast_to(y, (cos * y).shape), sin * x + cos * z])


def _normals(unit: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """Return the outward unit normals at points on solids, given in the solids' coordinates and sizes."""
    x, y, z = np.abs(unit)
    most = np.maximum(np.maximum(x, y), z)
    faces = np.where(np.stack([x, y, z]) == most, np.sign(unit), 0)
    return np.where(solid < 2 + BOXES, faces, unit)


class _Surface:
    """The properties of the solid that is seen at each pixel, from the solids' indices [n, pixels]."""

    def __init__(self, scenes: Scenes, solid: np.ndarray):
        rows = np.arange(len(scenes))[:, None] * scenes.present.shape[1]
        names = ("centre", "size", "turn", "colours", "waves", "phases", "hardness", "pattern")
        columns = [getattr(scenes, name).reshape(scenes.present.size, -1) for name in names]
        lengths = np.linalg.norm(scenes.waves, axis=3).reshape(scenes.present.size, 3)
        table = np.concatenate([*columns, lengths], 1, dtype=np.float32).T  # one look-up for all
        ends = np.cumsum([3, 3, 2, 6, 9, 3, 1, 1])
        found = np.split(table[:, rows + solid], ends)
        self.centre, self.size, self.turn, colours, waves, self._phases = found[:6]
        (self._hardness,), (self._pattern,), self._lengths = found[6:]
        self._waves = waves.reshape(3, 3, *solid.shape)
        self.first, self.second = colours[:3], colours[3:]

    def texture(self, points: np.ndarray, footprint: np.ndarray) -> np.ndarray:
        """Return the share of the second colour, from 0 to 1, [n, pixels].

        Args:
            points: the points that are seen, in the solid's coordinates.
            footprint: the size of a pixel on the solid, in metres, [n, pixels].
        """
        # In double precision, as the last bits of a sine differ between processors: in single precision some
        # pixels, and so the hash of the data, would differ with them.
        one, two, three = (
            np.sin((_dot(self._waves[i], points) + self._phases[i]).astype(np.float64))
            * np.exp(-0.1 * (footprint * self._lengths[i]).astype(np.float64) ** 2)
            for i in range(3)
        )
        stripes, checks, noise = one, one * two * three, (one + two + three) / 3
        height = np.where(self._pattern == 0, stripes, np.where(self._pattern == 1, checks, noise))
        return (0.5 + 0.5 * (self._hardness * height).clip(-1, 1)).astype(np.float32)
