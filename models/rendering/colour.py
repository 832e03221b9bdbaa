"""From light to display values and back: the sRGB curve with a smooth foot, so that gradients stay finite at black."""

from __future__ import annotations

from torch import Tensor

_FOOT = 1e-3
_EXPONENT = 1 / 2.4


def to_display(light: Tensor) -> Tensor:
    """Linear light of any shape, 0 and above, to display values; 0 goes to 0 and 1 to 1, and more than 1 to more.

    ``((x + f)^g - f^g) / ((1 + f)^g - f^g)`` with g = 1 / 2.4; the foot ``f`` = 0.001 stands for sRGB's straight piece near
    black. The curve is within 0.01 of sRGB's.
    """
    floor = _FOOT**_EXPONENT
    return ((light.clamp_min(0) + _FOOT) ** _EXPONENT - floor) / _whole()


def to_linear(display: Tensor) -> Tensor:
    """The inverse of `to_display`: display values of any shape, 0 and above, to linear light."""
    floor = _FOOT**_EXPONENT
    return (display.clamp_min(0) * _whole() + floor) ** 2.4 - _FOOT


def _whole() -> float:
    return float((1 + _FOOT) ** _EXPONENT - _FOOT**_EXPONENT)
