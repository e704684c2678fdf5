"""Air showers as water-Cherenkov stations see them: a teaching model.

From the primary particle to nine numbers a station: energy and direction are drawn
(`primaries`), stations of a triangular grid are hit (`geometry`), mean signals follow from
depth and distance (`signals`), single particles make traces (`traces`), and traces make
features (`features`). `generate` puts it together, and ``python -m showers`` writes files.

Units everywhere: energy as log10(E/eV), depth in g/cm2, length in m, time in ns, angles in
rad, signals in VEM (the charge that a vertical muon leaves in a tank).

Not for physics results: see README.md beside this file.
"""
