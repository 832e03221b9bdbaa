"""The mean of all faces, turned and moved so that its five points lie on those of the photo: the least a fit can do.

With q(p) the five points of the mean face in pose p, q^ those of the photo, and f = 4.53 widths of the picture, it minimises

    sum_n || q_n(p) - q^_n ||^2 / s^2 + (pitch / 0.15)^2 + (yaw / 0.3)^2 + (roll / 0.3)^2

by Gauss-Newton, s being 1 % of the width. Five points on a face alone tell little of how far it looks up or down, and the
spread of poses in aligned crops tells the rest.
"""

from __future__ import annotations

import numpy as np

from occset.benchmark.tasks.reconstruction.from_coefficients import DrawnFaces
from occset.benchmark.tasks.reconstruction.posed_face import PosedFace, mean_points
from occset.pictures.landmarks import five_points

_STEPS = 12
_DEVIATION = 0.01  # of a point, in widths
_SPREAD = np.array([0.15, 0.3, 0.3])  # of pitch, yaw and roll, radians
_START = np.array([0.0, 0.0, 0.0, 0.0, 22.0, -1180.0])
_STEP = np.array([1e-4, 1e-4, 1e-4, 1e-2, 1e-2, 1e-1])  # of the differences that stand for derivatives


class MeanFace(DrawnFaces):
    """The mean face under even light, posed by the face's true five points; learns nothing and looks at no pixel."""

    name = "mean-face"
    given: tuple[str, ...] = ("points",)

    def reconstruct(self, images: np.ndarray, *, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pose the mean face.

        Args:
            images: (B, H, W, 3) uint8, whose size alone is looked at.
            points: (B, 5, 2) float pixels.

        Returns:
            Coefficients (B, 240) float32, renders (B, H, W, 3) uint8, masks (B, H, W) uint8.
        """
        size = images.shape[2]
        return self.draw_all([_mean_face(pose_of(five, size), size) for five in points], images)


def pose_of(points: np.ndarray, size: int) -> np.ndarray:
    """Pose (6,) of the mean face whose five points come nearest to (5, 2) pixels of a picture of side `size`."""
    pose = _START.copy()
    for _ in range(_STEPS):
        steps = np.diag(_STEP)
        here, *around = _residuals(np.concatenate((pose[None], pose + steps, pose - steps)), points, size)
        slopes = (np.stack(around[:6], -1) - np.stack(around[6:], -1)) / (2 * _STEP)
        pose = pose - np.linalg.lstsq(slopes, here, rcond=None)[0]
    return pose


def _residuals(poses: np.ndarray, points: np.ndarray, size: int) -> np.ndarray:
    """(N, 13) of (N, 6) poses: x and y of the five points in deviations, and the three angles in spreads."""
    import torch

    from occset.models.reconstruction.coefficients import FOCAL
    from occset.models.rendering import camera

    placed = camera.to_camera(torch.from_numpy(mean_points())[None], torch.from_numpy(poses))
    seen = camera.project(placed, FOCAL * size, size, size)[..., :2].numpy()
    off = (np.stack([five_points(each) for each in seen]) - points) / (_DEVIATION * size)
    return np.concatenate((off.reshape(len(poses), -1), poses[:, :3] / _SPREAD), 1)


def _mean_face(pose: np.ndarray, size: int) -> PosedFace:
    from occset.models.reconstruction.coefficients import FOCAL, Layout

    layout = Layout(80, 64, 80)
    middle = layout.split(layout.typical()[0][None])
    parts = [part[0].reshape(-1).numpy() for part in middle]
    return PosedFace(
        pose.astype(np.float32), np.array([FOCAL * size], np.float32), parts[1], parts[2], parts[3], parts[4]
    )
