"""The ArcFace vectors of a set's faces, in `embeddings.npz`, by which splits tell persons apart."""

from __future__ import annotations

import io

import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import read_arrays
from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic

_EMBEDDINGS = "embeddings.npz"


def load_embeddings(data: OcclusionSet) -> dict[str, np.ndarray]:
    """ArcFace unit vectors (512,) of the set's faces by id; empty where none were computed.

    Raises:
        BadInput: their file is broken.
    """
    path = data.path / _EMBEDDINGS
    if not path.exists():
        return {}
    stored = read_arrays(path)
    ids, vectors = stored.get("ids", np.empty(0)), stored.get("vectors", np.empty(0))
    if ids.ndim != 1 or vectors.ndim != 2 or len(ids) != len(vectors):
        raise BadInput(f"{path}: holds no vectors by id: remove it and import again")
    return dict(zip(ids.tolist(), vectors.astype(np.float32), strict=True))


def save_embeddings(data: OcclusionSet, fresh: dict[str, np.ndarray], model: str) -> None:
    """Add vectors of faces that have none, half precision, with the hash of the file that made them, atomically."""
    path = data.path / _EMBEDDINGS
    known = load_embeddings(data)
    if known and str(read_arrays(path).get("model", model)) != model:
        raise OccsetError(
            f"{path}: made by another ArcFace file, whose vectors cannot be compared with those of this one: use that "
            "file again, or remove embeddings.npz and import every source again"
        )
    if fresh.keys() <= known.keys():
        return
    vectors = fresh | known
    ids = sorted(vectors)
    sink = io.BytesIO()
    halves = np.stack([vectors[i] for i in ids]).astype(np.float16)
    np.savez(sink, ids=np.array(ids), vectors=halves, model=np.array(model))
    write_atomic(path, sink.getvalue())
