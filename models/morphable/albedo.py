"""Mean albedo and texture modes as functions of the chart, linear RGB 0..1 of skin, lips, brows and eyes."""

from __future__ import annotations

import numpy as np

from occset.models.morphable.head import EYE_X, both, bump, lids, lip_edges, mouth_gap, mouth_line, smoothstep

TEXTURE = 80
SKIN = np.array([0.58, 0.40, 0.315])
MELANIN = np.array([-0.131, -0.107, -0.097])  # one standard deviation of skin tone
BLOOD = np.array([0.020, -0.026, -0.022])


def regions(p: np.ndarray, q: np.ndarray) -> dict[str, np.ndarray]:
    """Soft 0..1 maps of the parts that differ in colour."""
    top, bottom = lip_edges(p)
    line, gap = mouth_line(p), mouth_gap(p)
    upper, lower = lids(p)
    lips = smoothstep(np.minimum(top - q, q - bottom), -0.8, 1.0) * (np.abs(p) < 26)
    mouth = smoothstep(gap - np.abs(q - line), -0.3, 0.3) * (gap > 0.2)
    opening = smoothstep(np.minimum(upper - q, q - lower), -0.5, 0.5)
    radius = np.hypot(np.abs(p) - EYE_X, q - 0.6)
    return {
        "lips": lips,
        "mouth": mouth,
        "eyes": opening,
        "iris": opening * (1 - smoothstep(radius, 5.2, 6.2)),
        "brows": both(p, q, (30, 21), 11, 2.2, 0.06),
        "cheeks": both(p, q, (44, -34), 15, 14),
        "nose": bump(p, q, (0, -36), 14, 10),
        "beard": smoothstep(-q, 50, 62)
        * (1 - lips)
        * (1 - smoothstep(-q, 125, 150))
        * (1 - 0.6 * both(p, q, (36, -48), 14, 12)),
        "around eyes": both(p, q, (30, -4), 17, 11) * (1 - opening),
        "forehead": bump(p, q, (0, 55), 48, 22),
    }


def mean_albedo(parts: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(whole albedo, bare skin without eyes and brows), each (..., 3)."""
    skin = np.broadcast_to(SKIN, (*parts["lips"].shape, 3)).copy()
    skin += parts["cheeks"][..., None] * BLOOD * 0.9 + parts["nose"][..., None] * BLOOD * 0.7
    skin += parts["around eyes"][..., None] * np.array([-0.045, -0.045, -0.03])
    skin += parts["lips"][..., None] * np.array([-0.07, -0.105, -0.068])
    whole = skin.copy()
    for name, colour in (
        ("brows", (0.16, 0.11, 0.08)),
        ("eyes", (0.72, 0.69, 0.66)),
        ("iris", (0.10, 0.07, 0.05)),
        ("mouth", (0.16, 0.06, 0.05)),
    ):
        share = parts[name][..., None] * (0.8 if name == "brows" else 1.0)
        whole += share * (np.array(colour) - whole)
    return whole, skin


def texture_modes(p: np.ndarray, q: np.ndarray, parts: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """Named albedo changes of one standard deviation, then smooth random ones: 80 of (name, (..., 3))."""
    ones = np.ones_like(p) * (1 - 0.92 * parts["eyes"])
    grey = np.array([1.0, 1.0, 1.0])
    modes = [
        ("skin tone", ones, MELANIN),
        ("redness", ones, BLOOD),
        ("yellowness", ones, np.array([0.010, 0.004, -0.026])),
        ("cheek colour", parts["cheeks"], BLOOD * 1.3),
        ("nose colour", parts["nose"], BLOOD * 1.1),
        ("lip colour", parts["lips"], np.array([0.022, -0.034, -0.018])),
        ("lip brightness", parts["lips"], grey * 0.04),
        ("brow darkness", parts["brows"], -grey * 0.05),
        ("beard shadow", parts["beard"], -np.array([0.030, 0.024, 0.016])),
        ("eye shadow", parts["around eyes"], -np.array([0.036, 0.040, 0.030])),
        ("forehead tone", parts["forehead"], grey * 0.018),
        ("iris brightness", parts["iris"], np.array([0.05, 0.06, 0.07])),
    ]
    found = [(name, where[..., None] * colour) for name, where, colour in modes]
    draw = np.random.default_rng(80)
    skin_only = (1 - parts["eyes"]) * (1 - parts["mouth"])
    for k in range(TEXTURE - len(found)):
        field = np.zeros((*p.shape, 3))
        for _ in range(9):
            wide = draw.uniform(6, 22) / (1 + k / TEXTURE)
            at = (draw.uniform(-75, 75), draw.uniform(-110, 70))
            colour = draw.normal() * np.array([1.0, 1.0, 0.95]) + draw.normal() * np.array([0.22, -0.25, -0.2])
            field += bump(p, q, at, wide, wide)[..., None] * colour
        field *= skin_only[..., None]
        found.append((f"mottle {k}", field * 0.006 / np.sqrt(1 + k / 8) / np.sqrt((field**2).mean())))
    return found
