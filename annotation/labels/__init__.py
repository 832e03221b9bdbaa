"""What annotators draw: brushes, polygons, regions, agreement, cut-outs, and pre-labels."""
