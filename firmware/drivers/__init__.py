"""Drivers: each takes a finished bus or pin and knows nothing of LwM2M."""
