"""What occset asks of a Label Studio: projects, tasks, people, files. How it is asked is in `client.py`.

Everything comes back as plain dicts, as the server sent them, with times as "YYYY-MM-DDTHH:MM:SS.ffffffZ".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from occset.annotation.api.address import iso_time
from occset.annotation.api.task_list import PAGE, Listing, normal
from occset.support.errors import OccsetError

_MOST_PAGES = 1000  # of projects, each of PAGE


class LostConnection(OccsetError):
    """Label Studio did not answer: what was asked may or may not have been done."""


class Line(Protocol):
    """How a server is asked; `repeat` says whether the request may be sent again when no answer came."""

    def ask(self, method: str, path: str, repeat: bool, **content: Any) -> Any:
        """Send a request and return the decoded JSON; `content` is of params, json and files."""
        ...


class Studio:
    """A Label Studio that answers, accepts the token, and has a version that occset knows.

    Attributes:
        url: where it is, without a slash at the end.
        version: its release.
        document_root: the folder whose files it serves; None for a server that is not the local one.
    """

    def __init__(self, line: Line, url: str, version: str, document_root: Path | None) -> None:
        self._line, self.url, self.version, self.document_root = line, url, version, document_root

    def __repr__(self) -> str:
        """Address and version, nothing secret."""
        return f"Studio({self.url!r}, version {self.version})"

    @property
    def local(self) -> bool:
        """Whether it is the server that `occset annotate start` runs."""
        return self.document_root is not None

    def project_url(self, project: int) -> str:
        """Where a person finds a project."""
        return f"{self.url}/projects/{project}/data"

    def projects(self) -> list[dict[str, Any]]:
        """All projects that the user sees, lowest id first."""
        return sorted(self._read_pages("/api/projects/", {"ordering": "id"}), key=lambda project: project["id"])

    def find_projects(self, marker: str) -> list[dict[str, Any]]:
        """The projects whose description ends with a marker, lowest id first."""
        return [one for one in self.projects() if str(one.get("description") or "").strip().endswith(marker)]

    def create_project(
        self, title: str, xml: str, description: str, instruction: str, annotators: int = 1
    ) -> dict[str, Any]:
        """Make a project; never sent twice.

        Raises:
            LostConnection: it may have been made: look with `find_projects`.
            OccsetError: the server refuses it.
        """
        content = {
            "title": title[:50],  # the server takes no more
            "label_config": xml,
            "description": description,
            "expert_instruction": instruction,
            "show_instruction": bool(instruction),
            "maximum_annotations": annotators,
            "show_collab_predictions": True,
            "evaluate_predictions_automatically": False,
        }
        return self._one("POST", "/api/projects/", repeat=False, json=content)

    def set_instruction(self, project: int, instruction: str) -> None:
        """Give a project another instruction, as HTML."""
        content = {"expert_instruction": instruction}
        self._one("PATCH", f"/api/projects/{project}/", repeat=True, json=content)

    def import_tasks(self, project: int, tasks: list[dict[str, Any]]) -> list[int]:
        """Add tasks to a project; never sent twice. Returns their ids.

        Raises:
            LostConnection: none, some or all may have been added: look with `tasks`.
            OccsetError: the server refuses them.
        """
        path = f"/api/projects/{project}/import"
        answer = self._one("POST", path, repeat=False, params={"return_task_ids": "true"}, json=tasks)
        ids = answer.get("task_ids")
        if not isinstance(ids, list) or not all(type(number) is int for number in ids):
            raise LostConnection(f"{self.url} did not say which tasks it added: run the same command again")
        return ids

    def tasks(self, project: int, since: str | None = None, results: bool = True) -> Iterator[dict[str, Any]]:
        """All tasks that were updated at or after a moment, oldest update first.

        Annotators may go on working meanwhile: no task is skipped, and one may come twice, the later version last.

        Args:
            project: its number.
            since: ISO 8601; None for all tasks.
            results: whether annotations, drafts and predictions are wanted with their regions.

        Raises:
            LostConnection: the server stopped answering.
            OccsetError: an answer that is no list of tasks, or a list that never ends.
        """
        listing = Listing(
            lambda params: self._one("GET", "/api/tasks/", repeat=True, params=params), self.url, project, results
        )
        return listing.read(iso_time(since) if since else None)

    def task(self, task: int) -> dict[str, Any]:
        """A task with its annotations, drafts and predictions."""
        return normal(self._one("GET", f"/api/tasks/{task}/", repeat=True, params={"resolve_uri": "false"}))

    def delete_tasks(self, project: int, ids: Sequence[int]) -> None:
        """Delete tasks of a project and all that belongs to them; those that are gone already count as deleted."""
        if ids:  # to an empty choice the server might say: all
            chosen = {"selectedItems": {"all": False, "included": list(ids)}}
            params = {"id": "delete_tasks", "project": project}
            self._one("POST", "/api/dm/actions", repeat=True, params=params, json=chosen)

    def delete_project(self, project: int) -> None:
        """Delete a project and all that belongs to it."""
        self._line.ask("DELETE", f"/api/projects/{project}/", repeat=False)

    def requeue(self, task: int, overlap: int, note: str) -> None:
        """Ask for annotators until there are `overlap` of them, and show them a note."""
        data = {**self.task(task)["data"], "note": note}
        content = {"overlap": overlap, "is_labeled": False, "data": data}
        self._one("PATCH", f"/api/tasks/{task}/", repeat=True, json=content)

    def mails(self) -> dict[int, str]:
        """Number and mail address of everyone."""
        answer = self._line.ask("GET", "/api/users/", repeat=True)
        people = answer if isinstance(answer, list) else []
        return {user["id"]: str(user.get("email") or "") for user in people if _has_id(user)}

    def create_user(self, mail: str) -> None:
        """Make an account for somebody, without a password, so that nobody can log in yet; never sent twice.

        Raises:
            LostConnection: it may have been made: look with `mails`.
            OccsetError: the server refuses it.
        """
        content = {"email": mail, "username": mail.split("@")[0]}
        self._one("POST", "/api/users/", repeat=False, json=content)

    def users(self) -> dict[int, str]:
        """Number and short name of everyone: the mail address up to its @, with the number where two would be alike."""
        names = {number: mail.split("@")[0] or "user" for number, mail in self.mails().items()}
        twice = [name for name in names.values() if list(names.values()).count(name) > 1]
        return {number: f"{name}-{number}" if name in twice else name for number, name in names.items()}

    def connect_files(self, project: int, folder: Path) -> None:
        """Let the users of a project see the files of a folder inside the document root; once."""
        answer = self._line.ask("GET", "/api/storages/localfiles/", repeat=True, params={"project": project})
        storages = answer if isinstance(answer, list) else []
        if not any(isinstance(one, dict) and one.get("path") == str(folder) for one in storages):
            content = {"project": project, "path": str(folder), "title": "occset", "use_blob_urls": True}
            self._one("POST", "/api/storages/localfiles/", repeat=True, json=content)  # a second one does no harm

    def uploads(self, project: int) -> dict[str, str]:
        """Name, as it was before the server put a random part in front, and address of what was uploaded."""
        answer = self._line.ask("GET", f"/api/projects/{project}/file-uploads", repeat=True, params={"all": "true"})
        files = [str(one.get("file")) for one in (answer if isinstance(answer, list) else []) if isinstance(one, dict)]
        return {file.rsplit("/", 1)[-1].partition("-")[2]: f"/data/{file}" for file in files}

    def upload(self, project: int, path: Path) -> str:
        """Upload a file without making a task of it; returns its address on the server.

        Raises:
            LostConnection: it may have been uploaded: look with `uploads`.
            OccsetError: the server refuses it.
        """
        content = {"file": (path.name, path.read_bytes(), "application/octet-stream")}
        params = {"commit_to_project": "false"}
        answer = self._one("POST", f"/api/projects/{project}/import", repeat=False, params=params, files=content)
        numbers = answer.get("file_upload_ids")
        if not isinstance(numbers, list) or len(numbers) != 1 or type(numbers[0]) is not int:
            raise LostConnection(f"{self.url} did not say where it put {path.name}: run the same command again")
        known = self._one("GET", f"/api/import/file-upload/{numbers[0]}", repeat=True)
        return f"/data/{known.get('file')}"

    def connect_backend(self, project: int, url: str, title: str, user: str, secret: str) -> int:
        """Register a pre-labelling backend, which must be up, instead of those of this title or address; its number.

        Raises:
            LostConnection: it may have been registered: the same call puts it right.
            OccsetError: the server cannot reach the backend, or the backend refuses it.
        """
        content = {
            "project": project,
            "url": url,
            "title": title,
            "is_interactive": False,
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": user,
            "basic_auth_pass": secret,
        }
        known = sorted(self._list("/api/ml/", project), key=lambda one: one["id"])
        ours = [one for one in known if one.get("title") == title or one.get("url") == url]
        if ours:
            number = int(self._one("PATCH", f"/api/ml/{ours[0]['id']}", repeat=True, json=content)["id"])
        else:
            number = int(self._one("POST", "/api/ml/", repeat=False, json=content)["id"])
        for one in ours[1:]:  # only the first is ever asked
            self._remove(f"/api/ml/{one['id']}")
        # with a connection the server makes a webhook, for each saved label; it carries no secret, and so is refused
        hooks = {str(one.get("url")).rstrip("/") + "/webhook" for one in (content, *ours)}
        for hook in self._list("/api/webhooks/", project):
            if hook.get("url") in hooks:
                self._remove(f"/api/webhooks/{hook['id']}/")
        return number

    def _list(self, path: str, project: int) -> list[dict[str, Any]]:
        """What belongs to a project and has a number."""
        answer = self._line.ask("GET", path, repeat=True, params={"project": project})
        return [one for one in (answer if isinstance(answer, list) else []) if _has_id(one)]

    def _remove(self, path: str) -> None:
        """Delete what may be gone already."""
        try:
            self._line.ask("DELETE", path, repeat=True)
        except LostConnection:
            raise
        except OccsetError:
            return

    def _one(self, method: str, path: str, repeat: bool, **content: Any) -> dict[str, Any]:
        """Ask for what must be an object."""
        answer = self._line.ask(method, path, repeat=repeat, **content)
        if not isinstance(answer, dict):
            raise OccsetError(f"{self.url}{path}: answered with {type(answer).__name__}, not an object: wrong version?")
        return answer

    def _read_pages(self, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for number in range(1, _MOST_PAGES + 1):
            answer = self._one("GET", path, repeat=True, params={**params, "page": number, "page_size": PAGE})
            results = answer.get("results")
            if not isinstance(results, list) or not all(map(_has_id, results)):
                raise OccsetError(f"{self.url}{path}: answered with something that is no list: is it Label Studio?")
            yield from results
            if not answer.get("next"):
                return
        raise OccsetError(f"{self.url}{path}: the list never ends: is it Label Studio {self.version}?")


def _has_id(value: Any) -> bool:
    return isinstance(value, dict) and type(value.get("id")) is int
