"""What is measured about occset itself and is not part of it; run from the repository's root with ``python -m``."""
