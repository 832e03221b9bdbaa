"""From a set to samples: drawing recipes, rendering, explaining and writing them."""
