"""Cluster penguin-like points by hand, in NumPy alone, with an archive of arrays."""

import random

import numpy as np

from ml_experiment import job


def draw(n):
    rng = np.random.default_rng()
    centres = rng.uniform(-5, 5, size=(4, 3))
    return np.concatenate([c + rng.normal(size=(n, 3)) for c in centres])


@job
def main(k=4, steps=8):
    points = draw(50)
    names = {f"cluster {i}" for i in range(k)}
    centres = points[random.sample(range(len(points)), k)]
    for step in range(steps):
        nearest = ((points[:, None] - centres) ** 2).sum(-1).argmin(1)
        centres = np.array(
            [
                points[nearest == i].mean(0) if (nearest == i).any() else centres[i]
                for i in range(k)
            ]
        )
        inertia = float(((points - centres[nearest]) ** 2).sum())
        yield {"inertia": inertia}
    print("clusters:", ", ".join(names))
    np.savez_compressed("clusters.npz", centres=centres, nearest=nearest)
    yield {"final": inertia}, {"clusters": "clusters.npz"}


if __name__ == "__main__":
    main()
