"""Which vertices a jaw line in a photo shows: the outline moves over the cheek as the head turns.

Each of the 17 jaw landmarks has candidates, vertices of the face at about its height from the jaw inwards. The one that
reaches farthest out of the picture's face is on the outline.
"""

from __future__ import annotations

import torch
from torch import Tensor

from occset.models.morphable.base import LinearModel
from occset.models.morphable.face_region import face_triangles

JAW = 17
_BAND, _CHIN_BAND = 3.5, 14.0
"""Millimetres above and below a landmark that its candidates lie in."""
_CHIN_HALF, _INNERMOST = 12.0, 25.0
_MOST = 48
"""Candidates of a landmark: more are only slower."""


def jaw_candidates(model: LinearModel) -> Tensor:
    """(17, N) vertices that each jaw landmark may be seen at, its own among them; short lists are filled with that."""
    triangles = face_triangles(model)
    mean, own = model.mean, model.landmarks[:JAW]
    in_face = torch.zeros(len(mean), dtype=torch.bool, device=mean.device)
    in_face[triangles.reshape(-1)] = True
    lists = []
    for number, landmark in enumerate(own):
        x, y = mean[landmark, :2]
        if number == JAW // 2:
            near = (mean[:, 0].abs() < _CHIN_HALF) & ((mean[:, 1] - y).abs() < _CHIN_BAND)
        else:
            near = (mean[:, 0].sign() == x.sign()) & ((mean[:, 1] - y).abs() < _BAND)
            if abs(number - JAW // 2) > 2:
                near &= mean[:, 0].abs() > _INNERMOST
        found = (near & in_face).nonzero()[:, 0]
        found = found[:: max(1, -(-len(found) // (_MOST - 1)))]
        lists.append(torch.cat((landmark[None], found)))
    longest = max(len(each) for each in lists)
    return torch.stack([torch.cat((each, each[:1].expand(longest - len(each)))) for each in lists])


def outward(points: Tensor) -> Tensor:
    """Unit normals (B, 17, 2) of jaw lines (B, 68, 2) in the picture, away from the nose."""
    jaw = points[:, :JAW]
    before = torch.cat((jaw[:, :1], jaw[:, :-1]), 1)
    after = torch.cat((jaw[:, 1:], jaw[:, -1:]), 1)
    along = after - before
    normal = torch.nn.functional.normalize(torch.stack((-along[..., 1], along[..., 0]), -1), dim=-1)
    away = ((jaw - points[:, 27:36].mean(1, keepdim=True)) * normal).sum(-1, keepdim=True)
    return torch.where(away < 0, -normal, normal)
