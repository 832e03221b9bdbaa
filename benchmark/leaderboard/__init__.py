"""Result files to Markdown, CSV and one self-contained HTML page."""
