"""Measured pulse trains become a device: law, steps, noise and spreads, with intervals."""

from brianff.device_fit.fit import DeviceFit, fit_device

__all__ = ["DeviceFit", "fit_device"]
