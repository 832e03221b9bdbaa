"""The categories of occluders: for each of them one record of where it sits, how often it is drawn, and how it is handled.

Where it sits is said in the frame of the face: the origin is between the eyes, one unit to the right is the distance of
the eyes, one unit down is the distance from the eyes to the mouth along the face.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where the anchor of a cut-out's box goes.

    Attributes:
        anchor: point of the box, (0, 0) its top left, (1, 1) its bottom right.
        centre: where the anchor goes, in the frame of the face.
        width: width of the box in eye distances; for `free` places the geometric mean of width and height.
        shift, turn, scale: largest random change of the place (units), the angle (degrees), the size (share).
        free: the anchor may go anywhere on the face, with `shift` around `centre`.
        bend: largest random bend at the picture's edge, as a share of the picture's size.
    """

    anchor: tuple[float, float]
    centre: tuple[float, float]
    width: float
    shift: tuple[float, float]
    turn: float
    scale: float
    free: bool = False
    bend: float = 0.02


ANYWHERE = Place((0.5, 0.5), (0.0, 0.5), 1.2, (0.85, 0.85), 45, 0.30, free=True, bend=0.03)


@dataclass(frozen=True)
class Category:
    """All that is particular to one kind of occluder.

    Attributes:
        name: as tables and labels spell it.
        place: where it sits on a face.
        hotkey: the key that gives it to a region in Label Studio; "" for none.
        weight: how often it is drawn for training, beside the others.
        retexture: 0..1, how often it gets another texture, as FaceOcc does it most for masks.
        edge: of a drawn one that is cut out, in units of the face's frame: radius of the guided filter that finds the
            edge, and width of the rim that it may lie in.
        worn_as_face: data sets count it as face where it is worn (clear frames), so that one which is added in front of a
            face contradicts their labels.
    """

    name: str
    place: Place = ANYWHERE
    hotkey: str = ""
    weight: float = 0.7
    retexture: float = 0.3
    edge: tuple[float, float] = (0.02, 0.03)
    worn_as_face: bool = False


_ON_THE_EYES = Place((0.5, 0.5), (0.0, 0.06), 2.15, (0.06, 0.06), 4, 0.08)
_FRAME = (0.012, 0.025)  # frames are thin and of another colour than the lenses

CATEGORIES: dict[str, Category] = {
    category.name: category
    for category in (
        Category("sunglasses", _ON_THE_EYES, "s", weight=2.0, retexture=0.15, edge=_FRAME),
        Category("spectacles", _ON_THE_EYES, "g", weight=0.5, edge=_FRAME, worn_as_face=True),
        Category("mask", Place((0.5, 0.0), (0.0, 0.38), 2.35, (0.06, 0.08), 4, 0.10), "m", weight=2.0, retexture=0.5),
        Category(
            "hair",
            Place((0.5, 1.0), (0.0, -0.35), 2.9, (0.15, 0.15), 8, 0.12, bend=0.04),
            "r",
            weight=2.0,
            retexture=0.1,
            edge=(0.045, 0.03),
        ),
        Category("hat", Place((0.5, 1.0), (0.0, -0.45), 3.0, (0.10, 0.12), 6, 0.10), "t", weight=1.0, retexture=0.4),
        Category(
            "scarf",
            Place((0.5, 0.0), (0.0, 0.65), 2.7, (0.15, 0.20), 10, 0.15, bend=0.05),
            "a",
            weight=1.0,
            retexture=0.5,
        ),
        Category(
            "hand",
            Place((0.5, 0.4), (0.0, 0.65), 1.75, (0.85, 0.85), 60, 0.25, free=True, bend=0.03),
            "d",
            weight=2.0,
            retexture=0.1,
        ),
        Category("cup", Place((0.5, 0.3), (0.0, 1.05), 1.15, (0.40, 0.30), 15, 0.20, free=True), "c"),
        Category("microphone", Place((0.5, 0.15), (0.0, 1.15), 1.0, (0.45, 0.25), 30, 0.20, free=True), "k"),
        Category("phone", Place((0.5, 0.4), (0.2, 0.5), 1.2, (0.85, 0.60), 25, 0.20, free=True), "n"),
        Category("food", Place((0.5, 0.4), (0.0, 1.0), 0.95, (0.45, 0.35), 40, 0.25, free=True), "f"),
        Category("object", hotkey="o", weight=1.0),
    )
}
"""Every category by name; a set may hold others, see `category`."""

UNKNOWN = "object"
"""What an occluder is called that is none of the others, or that nobody gave a category."""


def category(name: str) -> Category:
    """The record of a category; one that is not known may go anywhere on the face and is drawn less often."""
    return CATEGORIES.get(name) or Category(name)
