"""Who a picture shows, by ArcFace: the judge behind the column `id`, and whether it can be trusted on a set."""
