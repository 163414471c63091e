"""From a reading to networks of the vocabulary, and the passes of the reference engine on them."""
