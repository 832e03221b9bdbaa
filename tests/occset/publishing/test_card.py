"""The card: figures held against ones that were counted by hand, a description that others' tools read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import write_table
from occset.importing.add_source import resplit
from occset.publishing.card import OWN, own_words, table, words, write_card
from occset.publishing.croissant import About
from occset.publishing.facts import TONES, facts_of, typology_angle, yaw_of
from occset.publishing.front_matter import size_category
from occset.rounds.ledger import LEDGER, Ledger, Setup, write_round
from occset.rounds.versions import VERSIONS, versions_path
from occset.support.errors import BadInput
from tests.occset.publishing.conftest import named_face


@pytest.mark.parametrize("colour", [(255, 224, 196), (224, 172, 105), (141, 85, 36), (60, 40, 28), (198, 134, 66)])
def test_the_typology_angle_is_that_of_another_library(colour: tuple[int, int, int]) -> None:
    image = np.full((20, 20, 3), (0, 255, 0), np.uint8)
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 255
    image[mask > 0] = colour
    rgb2lab = pytest.importorskip("skimage.color").rgb2lab
    light, _, blue = rgb2lab(np.array([[colour]], np.uint8))[0, 0]
    assert typology_angle(image, mask) == pytest.approx(np.degrees(np.arctan2(light - 50, blue)), abs=0.2)
    assert typology_angle(image, np.zeros_like(mask)) is None


@pytest.mark.parametrize("degrees", [-50, -20, 0, 10, 35])
@pytest.mark.parametrize("roll", [0, 25])
def test_the_yaw_of_a_turned_average_head(degrees: float, roll: float) -> None:
    head = np.array([[-1, 0, 0], [1, 0, 0], [0, 1.2, 1.1]], float)  # the nose 0.55 eye distances before the eyes
    t, r = np.radians(degrees), np.radians(roll)
    turned = head @ np.array([[np.cos(t), 0, np.sin(t)], [0, 1, 0], [-np.sin(t), 0, np.cos(t)]]).T
    flat = turned[:, :2] @ np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]]).T
    assert yaw_of(40 * flat + 100) == pytest.approx(degrees, abs=1e-9)


def test_what_has_no_yaw() -> None:
    assert yaw_of(None) is None
    assert yaw_of(np.zeros((5, 2))) is None


def labelled_set(root: Path) -> OcclusionSet:
    """Ten faces: one without a mask, one by a model, two relabelled by two people, one taken out of use, one erratum."""
    data = OcclusionSet.create(root, "ten | <b>*faces*</b>")
    items = [named_face(i, f"face-{i}", identity=f"p{i}") for i in range(10)]
    items[0].mask = None
    items[1].flags = {"mask_origin": "ns 0123"}
    items[2].flags = {"errata": "not aligned"}
    rows = [data.store_face(item, "test") for item in items]
    rows[3]["verdict"] = "unusable"
    data.add_rows("faces", rows)
    resplit(data)
    ledger = pd.DataFrame(columns=LEDGER.names)
    write_round(data.path, Ledger(Setup(1, "", "", "train", 0, 0, 0, 0, ""), ledger))
    versions = [
        {"id": f"{row['id']}.1", "face": row["id"], "version": 1, "label": row["mask"], "annotators": ["a", "b"],
         "agreement": agreement}
        for row, agreement in zip(rows[4:6], (0.9, 0.96), strict=True)
    ]  # fmt: skip
    write_table(versions_path(data.path, 1), pd.DataFrame(versions, columns=VERSIONS.names), VERSIONS)
    return data


def test_the_figures_are_those_that_were_put_in(tmp_path: Path) -> None:
    data = labelled_set(tmp_path / "set")
    found = facts_of(data, workers=1)
    assert found.labels == {"from their source": 6, "by annotators in rounds": 2, "by a model": 1, "none": 1}
    assert found.verdicts == {"unusable": 1} and found.errata == 1
    assert found.agreement == {"labels": 2, "mean": pytest.approx(0.93)} and found.annotators == 2
    assert found.terms == [{"source": "test", "licence": "made by a test", "faces": 10, "occluders": 0, "textures": 0}]
    (faces,) = found.counts
    assert sum(faces[split] for split in ("train", "val", "test", "excluded")) == 10
    assert sum(sum(v for k, v in row.items() if k != "class") for row in found.tones) == 10
    unknown = next(row for row in found.tones if row["class"] == "not known")
    assert sum(v for k, v in unknown.items() if k != "class") == 1, "the face without a mask"
    straight = next(row for row in found.yaws if row["class"] == "within 15")
    assert sum(v for k, v in straight.items() if k != "class") == 10
    shares = [np.count_nonzero(data.load_face(i)[1]) / 128**2 for i in data.faces.loc[data.faces["mask"].notna(), "id"]]
    assert found.covered == pytest.approx(list(np.percentile(shares, (0, 25, 50, 75, 100))))
    assert facts_of(data, workers=2) == found


def test_the_card_says_the_figures_and_nothing_in_it_is_markup(tmp_path: Path) -> None:
    data = labelled_set(tmp_path / "set")
    readme, described = write_card(data, tmp_path / "card", workers=1)
    text = readme.read_text()
    assert text.startswith('---\nlicense: "other"\n')
    assert "# ten \\| &lt;b&gt;\\*faces\\*&lt;/b&gt;" in text and "<b>" not in text.split("---\n", 2)[2]
    assert "| by annotators in rounds | 2 |" in text
    assert "2 labels were given by several, whose masks have a mean IoU of 0.930." in text
    assert "1 faces are listed by their source's errata" in text
    before = [path.read_bytes() for path in (readme, described)]
    write_card(data, tmp_path / "card", workers=1)
    assert [path.read_bytes() for path in (readme, described)] == before
    assert not (data.path / "README.md").exists()
    write_card(OcclusionSet.create(tmp_path / "empty"), workers=1)  # a set with nothing in it has a card too


def test_a_cell_does_not_end_its_table() -> None:
    assert table([{"a": "x|y\nz", "b": 1}], ("a", "b")).splitlines()[2] == "| x\\|y z | 1 |"
    assert words("<script>") == "&lt;script&gt;" and words("[a](b)") == "\\[a\\](b)"
    assert [size_category(n) for n in (0, 1000, 10**6, 10**8)] == ["n<1K", "1K<n<10K", "1M<n<10M", "n>10M"]
    assert [end for end, _ in TONES] == sorted((end for end, _ in TONES), reverse=True)


def test_the_front_matter_is_yaml(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    readme, _ = write_card(hostile_set, tmp_path / "card", workers=1)
    fields = yaml.safe_load(readme.read_text().split("---\n")[1])
    assert fields["pretty_name"] == hostile_set.head["name"]
    assert [one["config_name"] for one in fields["configs"]] == ["faces", "occluders", "textures"]


def test_croissant_is_valid_and_a_record_of_each_set_is_read(hostile_set: OcclusionSet) -> None:
    mlc = pytest.importorskip("mlcroissant")
    hostile_set.note()
    _, described = write_card(hostile_set, about=About("A & B", "https://example.org/set", "2026-01-31"), workers=1)
    document = json.loads(described.read_text())
    rai = {name for name in document if name.startswith("rai:")}
    wanted = ["Limitations", "Biases", "UseCases", "SocialImpact", "Collection"]
    wanted += ["AnnotationProtocol", "AnnotationPlatform"]
    assert rai == {"rai:personalSensitiveInformation", *(f"rai:data{name}" for name in wanted)}
    assert all(
        re.fullmatch("[0-9a-f]{64}", one["sha256"]) for one in document["distribution"] if "FileObject" in one["@type"]
    )
    read = mlc.Dataset(jsonld=str(described))
    assert "error" not in read.metadata.ctx.issues.report() and not read.metadata.ctx.issues.warnings
    first: dict[str, Any] = {}
    for record_set in read.metadata.record_sets:
        first[record_set.uuid] = next(iter(mlc.Dataset(jsonld=str(described)).records(record_set.uuid)))
    assert set(first) == {"splits", *(n + p for n in ("faces", "occluders", "textures") for p in ("", "-pictures"))}
    face = first["faces"]["faces/id"].decode()
    assert first["faces"]["faces/sha256"].decode() == hostile_set.face_row(face)["sha256"]
    shown = first["faces-pictures"]
    pixels = np.asarray(shown["faces-pictures/picture"].convert("RGB"))
    assert np.array_equal(pixels, hostile_set.load_image(shown["faces-pictures/id"].decode()))


def test_a_changed_table_is_no_longer_what_was_described(hostile_set: OcclusionSet) -> None:
    mlc = pytest.importorskip("mlcroissant")
    _, described = write_card(hostile_set, workers=1)
    hostile_set.write("textures", hostile_set.textures.head(2))
    with pytest.raises(Exception, match="Download"):
        next(iter(mlc.Dataset(jsonld=str(described)).records("textures")))


def test_card_from_the_command_line(occset: Callable[..., Any], hostile_set: OcclusionSet, tmp_path: Path) -> None:
    done = occset("card", hostile_set.path, "--out", tmp_path / "card", "--creator", "Anna", "--workers", 1)
    assert done.status == 0
    assert done.out.split() == [str(tmp_path / "card" / name) for name in ("README.md", "croissant.json")]
    assert json.loads((tmp_path / "card" / "croissant.json").read_text())["creator"]["name"] == "Anna"


# --- its makers' own words ------------------------------------------------------------------------------------------


def test_what_its_makers_say_is_a_part_of_the_card(tmp_path: Path) -> None:
    data = labelled_set(tmp_path / "set")
    (data.path / OWN).write_bytes("\ufeff### Whom to ask\n\nfaces@example.org, *always* \U0001f642\n".encode())
    readme, _ = write_card(data, tmp_path / "out", workers=1)
    text = readme.read_text(encoding="utf-8")
    assert (
        "## In its makers' words\n\n### Whom to ask\n\nfaces@example.org, *always* \U0001f642\n\n## What is in it"
        in text
    )
    assert "Every figure was computed, but for those in its makers' words." in text
    (data.path / OWN).unlink()
    write_card(data, tmp_path / "out", workers=1)
    assert "makers" not in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"### Who\n\nTODO Names", r"card\.md, line 3: is still the template's"),
        (b"\xff\xfe\x00", r"card\.md: is no text in UTF-8"),
        (b"x" * (1 << 19), r"card\.md"),
    ],
)
def test_words_that_cannot_be_published(tmp_path: Path, written: bytes, said: str) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    (data.path / OWN).write_bytes(written)
    with pytest.raises(BadInput, match=said):
        write_card(data, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_the_template_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    template = (Path(__file__).parents[3] / "data_cards" / "template.md").read_text(encoding="utf-8")
    data = OcclusionSet.create(tmp_path / "set")
    (data.path / OWN).write_text(template)
    with pytest.raises(BadInput, match="still the template's"):
        own_words(data)
    filled = re.sub("^TODO ", "", template, flags=re.MULTILINE)
    (data.path / OWN).write_text(filled)
    assert own_words(data) == filled.strip() != template.strip()
