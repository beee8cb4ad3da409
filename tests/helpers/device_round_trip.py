"""Synthetic devices of each law are measured and fitted: are parameters, spreads and law found again?

``python tests/helpers/device_round_trip.py REPEATS [--known] [LAW ...]`` prints the figures of the round trip; --known:
the law is told, which takes an eighth of the time.
"""

import sys

import numpy as np
import pandas
from brian2 import siemens

from brianff import Device, fit_device
from brianff.crossbar.device_array import DeviceArray

NOISE = {"cycle_spread": 0.3, "read_noise": 0.01, "device_spread": 0.1, "asymmetry_spread": 0.04}
SPREADS = tuple(NOISE)
LAWS = {
    "linear": ("linear-step", {"step_up": 0.018, "step_down": 0.018}),
    "soft-bounds": ("soft-bounds", {"step_up": 0.04, "step_down": 0.04}),
    "linear-step": ("linear-step", {"step_up": 0.03, "slope_up": 0.5, "step_down": 0.035, "slope_down": 0.7}),
    "power": ("power", {"step_up": 0.05, "exponent_up": 2.0, "step_down": 0.06, "exponent_down": 2.5}),
    "exponential-step": (
        "exponential-step",
        {"step_up": 0.012, "boost_up": 2.0, "step_down": 0.01, "boost_down": 4.0, "decay": 5.0},
    ),
}


def truth(name):
    law, parameters = LAWS[name]
    return Device(law=law, parameters=parameters | NOISE)


def measure(device, devices=30, cycles=5, pulses=40, start=0.1, seed=0):
    """Return readings of trains up and down, which follow each other; they cover half of the range or more."""
    generator, p = np.random.default_rng(seed), device.physics
    array, parts = DeviceArray(device, devices, generator), []
    array.state[0] = start
    for cycle in range(cycles):
        for way, sign in (("up", 1), ("down", -1)):
            for number in range(pulses + 1):
                if number:
                    array.pulse(0, slice(None), np.full(devices, sign, np.float32), generator)
                G = array.conductances[0]
                read = np.maximum(G * (1 + p["read_noise"] * generator.standard_normal(devices)), 0)
                same = {"cycle": cycle, "direction": way, "pulse": number}
                parts.append(pandas.DataFrame({"device": np.arange(devices), "conductance_S": read, **same}))
    return pandas.concat(parts)


def round_trip(name, seed, known=False, **size):
    """Return the law that was chosen, and of each parameter the relative error and whether its interval covers it."""
    device = truth(name)
    ends = {end: device.physics[end] * siemens for end in ("G_on", "G_off")}
    if known and name == "linear":
        ends |= {"slope_up": 0.0, "slope_down": 0.0}
    fit = fit_device(measure(device, seed=seed, **size), LAWS[name][0] if known else None, parameters=ends)
    own = {key: value for key, value in device.physics.items() if key in {**LAWS[name][1], **NOISE}}
    errors = {key: fit.device.physics.get(key, np.nan) / value - 1 for key, value in own.items()}
    covered = {key: low <= own[key] <= high for key, (low, high) in fit.intervals.items() if key in own}
    return name if known else fit.law, errors, covered


def main(repeats, names, known=False):
    for name in names:
        found = [round_trip(name, seed, known) for seed in range(repeats)]
        right = [one for one in found if one[0] == name]
        print(f"{name}: right law in {len(right)} of {repeats}", flush=True)
        for key in right[0][1] if right else ():
            errors = np.array([one[1][key] for one in right])
            covers = np.mean([one[2].get(key, False) for one in right])
            print(
                f"  {key:17} mean error {errors.mean():+.2%}, root mean square {np.sqrt(np.mean(errors**2)):.2%}, "
                f"within 5 % in {np.mean(np.abs(errors) <= 0.05):.0%}, interval covers in {covers:.0%}",
                flush=True,
            )


if __name__ == "__main__":
    words = [word for word in sys.argv[2:] if word != "--known"]
    main(int(sys.argv[1]), words or list(LAWS), "--known" in sys.argv)
