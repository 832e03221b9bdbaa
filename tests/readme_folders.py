"""What lies on a reader's disk when the commands of the pages are typed: folders of real photos, a module, a network.

Photos are linked, not copied, so that none is left behind.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes
from occset.pictures.images import write_png
from occset.rounds.ledger import read_round
from occset.samples.render import Renderer
from tests.readme_blocks import everything

FACES = 40
PEOPLE = 60
EACH = 8
"""Cut-outs of each type."""

SEGMENTER = """

class MySegmenter:
    name = "my-segmenter"
    given = ()

    def segment(self, images):
        return np.full(images.shape[:3], 255, np.uint8)
"""


def _link(files: Iterable[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.name).symlink_to(file)


def lay_out(work: Path, real: Path) -> None:
    """Make what the pages take for granted.

    Args:
        work: an empty folder, where the commands will run.
        real: the folder of real photos, see `real_data` in conftest.py.
    """
    faces = sorted((real / "celebamask_hq" / "CelebA-HQ-img").glob("*.jpg"), key=lambda file: int(file.stem))[:FACES]
    _link(faces, work / "CelebAMask-HQ" / "CelebA-HQ-img")
    names = {f"{int(face.stem):05d}" for face in faces}
    for part in sorted((real / "celebamask_hq" / "CelebAMask-HQ-mask-anno").glob("*/*.png")):
        if part.name[:5] in names:
            _link([part], work / "CelebAMask-HQ" / "CelebAMask-HQ-mask-anno" / part.parent.name)
    for kind in sorted((real / "occluders" / "internet").iterdir()):
        _link(sorted(kind.glob("*.png"))[:EACH], work / "FaceOcc" / "internet" / kind.name)
    _link(sorted((real / "occluders" / "texture").glob("*.jpg"))[:FACES], work / "FaceOcc" / "texture")
    photos = sorted((real / "celeba_hq_unlabelled").rglob("*.jpg"))[:6]
    _link(photos[:5], work / "photos-of-faces")
    (work / "photo.jpg").symlink_to(photos[5])
    for person in sorted((real / "lfw_identities").iterdir())[:PEOPLE]:
        _link(sorted(person.glob("*.jpg")), work / "people" / person.name)
    (work / "mymodule.py").write_text(own_methods(everything()))
    _write_network(work / "model.onnx")


def own_methods(readme: str) -> str:
    """The pages' own class as a module, its dots filled in, and a segmenter beside it."""
    (shown,) = re.findall(r"^( {4}class Mine:\n(?: {4}.*\n|\n)+)", readme, re.MULTILINE)
    text = re.sub("^ {4}", "", shown, flags=re.MULTILINE)
    filled = text.replace("return ...", "return np.where(masks[..., None] > 0, np.uint8(128), images)")
    assert filled != text, "the pages' class returns something else than dots: fill it in here"
    return "import numpy as np\n\n\n" + filled + SEGMENTER


def _write_network(path: Path) -> None:
    """A network that gives back what is outside the hole, and grey inside it."""
    import onnx
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [None, 3, None, None])
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [None, 1, None, None])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 3, None, None])
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    nodes = [helper.make_node("Sub", ["one", "mask"], ["known"]), helper.make_node("Mul", ["image", "known"], ["out"])]
    graph = helper.make_graph(nodes, "outside", [image, mask], [out], [one])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def first_sample(work: Path) -> str:
    """The beginning of the id of a sample that `occset render my-set --out samples` wrote."""
    return read_recipes(work / "samples" / "recipes.parquet", 0, 1)[0].sample[:12]


def write_predictions(work: Path) -> None:
    """What another program made of the frozen protocol: here, the occluded pictures as they are."""
    shutil.rmtree(work / "my-outputs", ignore_errors=True)
    data = OcclusionSet(work / "my-set")
    renderer = Renderer(data)
    for recipe in read_recipes(work / "my-set" / "protocols" / "sunglasses.parquet", 0, 32):
        write_png(work / "my-outputs" / f"{recipe.sample}.png", renderer.render(recipe).image)


def write_corrections(work: Path) -> None:
    """Masks as an annotator corrects them: those of the open round's faces, a little narrower."""
    data = OcclusionSet(work / "my-set")
    picked = set(read_round(data.path).rows["id"])
    for face in picked:
        _, mask = data.load_face(face)
        write_png(work / "round-1" / "labels" / f"{face}.png", cv2.erode(mask, np.ones((3, 3), np.uint8)))
