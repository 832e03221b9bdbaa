"""Result files: one JSON and one per-image Parquet for each protocol x method x revision."""
