"""The project of a round, made where there is none."""

from __future__ import annotations

from contextlib import suppress

from occset.annotation.api.studio import LostConnection, Studio
from occset.annotation.push.project import check_config, figures, instruction, labelling_config
from occset.annotation.push.task_names import choose_project, title_of
from occset.annotation.push.task_pictures import Shelf
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.ledger import Ledger
from occset.support.console import printable
from occset.support.errors import OccsetError


def make_project(data: OcclusionSet, studio: Studio, ledger: Ledger, marker: str, annotators: int) -> int:
    """Number of the round's project, made where there is none; what a lost answer made twice is removed.

    Raises:
        LostConnection: the server stopped answering.
        OccsetError: somebody took the controls out of the project.
    """
    found = studio.find_projects(marker)
    if not found:
        number = ledger.setup.number
        description = f"Faces of {printable(str(data.head['name']))}, round {number}. occset knows it by  {marker}"
        try:
            studio.create_project(title_of(data, number), labelling_config(), description, instruction(), annotators)
        except LostConnection:
            if not studio.find_projects(marker):
                raise
        found = studio.find_projects(marker)  # another push may have made one too: both choose the same
    project = choose_project(found)
    if project is None:
        raise OccsetError(f"{studio.url}: the project that was made for the round is gone: run the same command again")
    for other in found:
        if other["id"] != project["id"] and not other.get("task_number"):
            with suppress(OccsetError):  # gone already, or left for the next push
                studio.delete_project(other["id"])
    try:
        check_config(str(project.get("label_config") or ""))
    except OccsetError as error:
        raise OccsetError(f"{studio.project_url(project['id'])}: {error}") from error
    if project.get("expert_instruction") == instruction():
        _show_pictures(studio, int(project["id"]), marker)
    return int(project["id"])


def _show_pictures(studio: Studio, project: int, marker: str) -> None:
    """Put the guidelines' pictures beside the samples', and into the project's instruction once all are there.

    Until then the instruction has none, by which the next push knows; one that somebody wrote is left alone. Where the
    pictures cannot be had, the text does.

    Raises:
        LostConnection: the server stopped answering.
    """
    try:
        shelf = Shelf(studio, project, marker)
        placed = {name: shelf.place_file(name, file.read_bytes()) for name, file in figures().items()}
        studio.set_instruction(project, instruction(placed))
    except LostConnection:
        raise
    except (OccsetError, OSError):
        return
