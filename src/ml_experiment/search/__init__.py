"""Hyper-parameter search whose trials do not depend on time."""
