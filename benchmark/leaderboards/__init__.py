"""Result files to Markdown, CSV and one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def build(
    results: Path | Sequence[Path], out_dir: Path, broken: dict[Path, str] | None = None, figures: bool = False
) -> dict[str, Path]:
    """Write `leaderboard.md`, `leaderboard.csv` and `index.html` from the result files below folders, and nothing else.

    Args:
        results: folder of results (see `occset.benchmark.results.result`), or several, searched in depth.
        out_dir: made if absent; older files of these names are replaced.
        broken: takes the files that cannot be used, results and their pictures, and why, and pictures that are missing;
            the others make the page. None refuses what cannot be used.
        figures: also draw the samples of each table that has pictures, ``figure-<number>-<protocol>.png``, and bars by type,
            ``figure-<number>-<protocol>-identity.png``; see `occset.benchmark.leaderboards.figure` and `bars`.

    Returns:
        The paths written, by "markdown", "csv" and "html", and figures by their names.

    Raises:
        BadInput: no result, one that cannot be read, or a picture that cannot be read; names the file.
        NoSpace: the folder cannot be written.
    """
    from occset.benchmark.leaderboards.page import page_html
    from occset.benchmark.leaderboards.tables import read_tables
    from occset.benchmark.leaderboards.text import to_csv, to_markdown
    from occset.support.files import write_atomic

    folders = [results] if isinstance(results, str | Path) else list(results)
    tables = read_tables([Path(folder) for folder in folders], broken)
    out_dir = Path(out_dir)
    texts = {
        "markdown": ("leaderboard.md", to_markdown(tables)),
        "csv": ("leaderboard.csv", to_csv(tables)),
        "html": ("index.html", page_html(tables, broken)),
    }
    for name, text in texts.values():
        write_atomic(out_dir / name, text.encode())
    written = {kind: out_dir / name for kind, (name, _) in texts.items()}
    if figures:
        from occset.benchmark.leaderboards.figure import write_figures

        written |= write_figures(tables, out_dir, broken)
    return written
