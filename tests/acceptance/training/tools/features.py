"""Features of a text."""

import numpy as np

WORDS = {"good", "bad", "fine", "awful", "great", "poor", "nice", "dull"}


def bag(texts):
    """Count words, in whatever order the set gives them."""
    order = list(WORDS)
    return np.array([[text.split().count(word) for word in order] for text in texts])
