"""`occset serve`: the networks, the page, and the address where it answers."""

from __future__ import annotations

from pathlib import Path

from occset.models.deocclusion.deoccluder import Deoccluder
from occset.models.serving.answers import Answering
from occset.models.serving.app import make_app
from occset.models.serving.guard import is_loopback
from occset.models.serving.jobs import Jobs
from occset.models.serving.server import SECRET, listen_on, open_browser, secret_for, serve, url_of
from occset.pictures.detector import FaceDetector
from occset.support import interrupts
from occset.support.console import say


def run(host: str, port: int, weights: Path | None = None, device: str = "auto", browser: bool = True) -> None:
    """Serve the page until Ctrl-C or SIGTERM, which are its good end, and that of this process.

    Args:
        host: address to answer at; beyond this machine only where `SECRET` is set.
        port: 0 for any that is free.
        weights: of NG; the released ones when None.
        device: auto, cpu or cuda.
        browser: show the page where there is a screen.

    Raises:
        OccsetError: the address cannot be used, or the secret is missing or short.
        BadInput: there are no weights.
        MissingExtra: the detector or the server is not installed.
    """
    host = "127.0.0.1" if host == "localhost" else host
    secret = secret_for(host)
    with listen_on(host, port) as listening:
        answering = Answering(Deoccluder(inpainting=weights, device=device), FaceDetector())
        answering.warm()
        jobs = Jobs()
        url = url_of(listening)
        say(f"the page is at  {url}  until Ctrl-C; nothing that is sent there is kept")
        if secret:
            say(f"it asks for the user occset and the secret in {SECRET}")
        if not is_loopback(host):
            say("photos and secret cross the network as they are: put a proxy with TLS before it, or use  ssh -L")
        app = make_app(answering, jobs, is_loopback(host), secret, say)
        try:
            serve(app, listening, (lambda: open_browser(url)) if browser else None)
        except KeyboardInterrupt:
            say("stopped: the page is gone, and nothing that was sent there is kept")
            interrupts.leave(0)  # waits neither for a photo in work nor for the networks to be taken down
        finally:
            jobs.close()
