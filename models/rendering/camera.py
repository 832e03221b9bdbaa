"""A perspective camera and the six numbers of a pose.

Head and camera axes: x to the picture's right, y up, z out of the face towards the viewer. The camera sits at the origin
and looks along -z. Pixels run right and down, with pixel centres at integers.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotation_matrix(angles: Tensor) -> Tensor:
    """Rotation ``R = Rz(roll) @ Ry(yaw) @ Rx(pitch)`` of (B, 3) radians (pitch, yaw, roll) as (B, 3, 3).

    Positive pitch bows the head, positive yaw turns it to the picture's right, positive roll tilts it
    counter-clockwise in the picture.
    """
    (sx, sy, sz), (cx, cy, cz) = angles.sin().unbind(-1), angles.cos().unbind(-1)
    rows = (
        (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        (-sy, cy * sx, cy * cx),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def to_camera(points: Tensor, pose: Tensor) -> Tensor:
    """Head millimetres (B, V, 3) to camera millimetres: ``R(pose[:3]) @ point + pose[3:]``, pose (B, 6)."""
    return points @ rotation_matrix(pose[:, :3]).transpose(1, 2) + pose[:, None, 3:]


def project(
    points: Tensor, focal: Tensor | float, height: int, width: int, middle: tuple[float, float] = (0.0, 0.0)
) -> Tensor:
    """Camera millimetres (B, V, 3) to (B, V, 3): pixel x, pixel y and the distance -z in millimetres.

    ``x = (width - 1) / 2 + focal * X / -Z`` and ``y = (height - 1) / 2 - focal * Y / -Z``; ``focal`` in pixels, one
    number or (B, 1). ``middle``, pixels to the right and down, is added to both: of a picture that was cut out beside the
    point that the camera looks at. What lies behind the camera gets a distance that is not positive and is not drawn.
    """
    distance = -points[..., 2]
    safe = torch.where(distance.abs() < 1e-6, torch.full_like(distance, 1e-6), distance)
    x = (width - 1) / 2 + middle[0] + focal * points[..., 0] / safe
    y = (height - 1) / 2 + middle[1] - focal * points[..., 1] / safe
    return torch.stack((x, y, distance), -1)
