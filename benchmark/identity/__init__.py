"""Who a picture shows: the judges behind the columns `id` and `id2`, and whether the first can be trusted on a set."""
