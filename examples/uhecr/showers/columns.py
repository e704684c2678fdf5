"""Names of the columns of files, and of what they are about."""

# Which shower; which throw of it on the grid; which place of the grid.
IDENTIFIERS = ("shower_id", "event_id", "station_id")

FEATURES = (
    "log10_energy",  # log10(E/eV), as simulated
    "zenith_deg",  # as simulated
    "r_m",  # to the reconstructed core, in the shower plane
    "s_total_vem",  # sum of the trace in its window
    "trace_len_bins",  # length of the window, bins of 25 ns
    "zeta_rad",  # azimuth in the shower plane
    "t_rise_ns",  # from 10 to 50 % of the signal
    "t_fall_ns",  # from 50 to 90 %
    "aop_bins",  # area over peak: sum of the trace over its highest bin
)

# What was simulated and no experiment would know; in files of their own.
TRUTH = (
    "xmax_gcm2",  # slant depth of the maximum, g/cm2
    "muon_content",  # of the shower; 1 is the mean proton
    "muon_charge_vem",  # of muons and their halo in the tank
    "em_charge_vem",  # of other electrons and photons
    "beyond_maximum_gcm2",  # depth between maximum and station
    "true_r_m",  # distance to the true axis
)

# In the order of their labels, 0 to 3.
PRIMARIES = ("helium", "iron", "oxygen", "proton")
