"""A task of two images in PyTorch without autograd, in steps of .2 us: some at a time compiled by torch.compile."""

from __future__ import annotations

import time

import numpy as np
import torch

from benchmarks.pytorch import (
    CURRENT,
    E1,
    E2,
    MARGIN,
    OFF1,
    OFF2,
    ON1,
    ON2,
    R_OFF,
    R_ON,
    SHARPNESS,
    START,
    TAU,
    C,
    K,
    alpha,
    switched,
)

BATCH, BATCHES, PIXELS, CLASSES, NEURONS, GAP = 128, 3, 784, 10, 1024, 200
STEP = 0.2  # us
STEPS_TOGETHER = 20
A, B, RATE = STEP * (1 / R_ON - 1 / R_OFF) / C, STEP / R_OFF / C, STEP / TAU


@torch.compile
def _steps(drives, units, state):
    """Make some steps; `units` (events, steps) are the voltages that a unit drive of each event adds."""
    v, s1, s2, x1, x2, goodness, factor1, factor2 = state
    for step in range(STEPS_TOGETHER):
        h1, h2 = x1 * A + B, x2 * A + B
        decay = 1 / (1 + h1 + h2)
        v = (v + units[0, step] * drives[0] + units[1, step] * drives[1] + E1 * h1 + E2 * h2) * decay
        s1, s2 = (s1 + units[0, step]) * decay, (s2 + units[1, step]) * decay
        q = torch.exp(v * (1 / K))
        x1 = switched(x1, q * (1 / ON1), 1 + q * (1 / OFF1), RATE)
        x2 = switched(x2, q * (1 / ON2), 1 + q * (1 / OFF2), RATE)
        goodness = goodness + v * v * (1 / (2 * GAP))
        factor1, factor2 = factor1 + v * s1 * (1 / GAP), factor2 + v * s2 * (1 / GAP)
    return v, s1, s2, x1, x2, goodness, factor1, factor2


class Training:
    """Random pairs of images; the drive of each image is computed once for both labels."""

    def __init__(self, threads: int):
        torch.set_num_threads(threads)
        generator = np.random.default_rng(1)
        self.images = torch.from_numpy(generator.random((BATCHES, 2, BATCH, PIXELS), dtype=np.float32))
        self.labels = torch.from_numpy(generator.integers(0, CLASSES, (BATCHES, BATCH)))
        self.weights = torch.nn.Parameter(0.02 * torch.randn(PIXELS + CLASSES, NEURONS))
        self.optimizer = torch.optim.Adam([self.weights], lr=1e-3, fused=True)
        first = torch.tensor(alpha(2 * GAP, STEP))
        second = torch.cat([torch.zeros(GAP), first[:GAP]])
        self.units = STEP * CURRENT / C * torch.stack([first, second])

    def microseconds(self) -> float:
        """Train on all batches and return the time for each pair of images."""
        start = time.perf_counter()
        for images, labels in zip(self.images, self.labels, strict=True):
            wrong = (labels + torch.randint(1, CLASSES, labels.shape)) % CLASSES
            self.learn(images, torch.cat([labels, wrong]))
        return 1e6 * (time.perf_counter() - start) / BATCH / BATCHES

    @torch.no_grad()
    def learn(self, images, labels) -> None:
        """Take one step of learning from a batch."""
        drives = (images @ self.weights[:PIXELS]).repeat(1, 2, 1) + self.weights[PIXELS:][labels]
        zero = torch.zeros(2 * BATCH, NEURONS)
        state = (zero, zero, zero, zero + START, zero + START, zero, zero, zero)
        for step in range(0, 2 * GAP, STEPS_TOGETHER):
            state = _steps(drives, self.units[:, step : step + STEPS_TOGETHER].contiguous(), state)
        goodness, factors = state[5].mean(dim=1), torch.stack(state[6:])
        modulator = SHARPNESS * torch.sigmoid(MARGIN - SHARPNESS * (goodness[:BATCH] - goodness[BATCH:])) / NEURONS
        factors = factors * torch.cat([-modulator, modulator])[:, None] / BATCH
        by_class = torch.zeros(CLASSES, NEURONS).index_add_(0, labels, factors.sum(dim=0))
        by_image = sum(one.T @ (factor[:BATCH] + factor[BATCH:]) for one, factor in zip(images, factors, strict=True))
        self.weights.grad = torch.cat([by_image, by_class])
        self.optimizer.step()
