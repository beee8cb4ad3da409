"""The spiking training of arXiv 2406.16479 in PyTorch as its authors write it: steps and outer products one by one."""

from __future__ import annotations

import time

import torch

INPUTS, BITS, NEURONS, STEPS, REST, FIRST = 884, 100, 200, 23, 20, 16
LEAK, THRESHOLD, RATE, EPSILON = 0.85, 0.001, 0.1, 0.01


class Published:
    """The symmetric form on random images.

    Parameters
    ----------
    batch : int
        1 is online learning.
    threads : int
    images : int
        Images of a run.
    """

    def __init__(self, batch: int, threads: int, images: int):
        torch.set_num_threads(threads)
        self.batch = batch
        lit = torch.rand(images, INPUTS) < 0.2
        lit[:, -BITS:] = torch.rand(images, BITS) < 0.3
        self.intensities = torch.rand(images, INPUTS) * lit
        self.weights = torch.randn(INPUTS, NEURONS)
        self.eligibility = torch.zeros(INPUTS, NEURONS)
        self.membrane = torch.zeros(batch, NEURONS)

    @torch.no_grad()
    def seconds_per_sample(self) -> float:
        """Train on all images and return the time that one takes."""
        start = time.perf_counter()
        for intensities in self.intensities.split(self.batch):
            self.learn(intensities, torch.rand(len(intensities)) < 0.5)
        return (time.perf_counter() - start) / len(self.intensities)

    def learn(self, intensities: torch.Tensor, positive: torch.Tensor) -> None:
        trace = torch.zeros(self.batch, NEURONS)
        for step in range(STEPS):
            spikes = (torch.rand_like(intensities) < 0.25 * intensities).float()
            trace = LEAK * trace + (1 - LEAK) * self.advance(spikes)
            if step >= FIRST:
                outer = spikes.unsqueeze(2) * (self.modulator(trace, positive) * trace).unsqueeze(1)
                self.eligibility = (1 - RATE) * self.eligibility + RATE * outer.mean(dim=0)
                self.weights += self.eligibility
        for _ in range(REST):
            self.advance(torch.zeros_like(intensities))

    def advance(self, spikes: torch.Tensor) -> torch.Tensor:
        """Advance the membranes by one step and return the output spikes."""
        membrane = LEAK * self.membrane + spikes @ self.weights
        fired = membrane > THRESHOLD
        self.membrane = torch.where(fired, torch.zeros_like(membrane), membrane)
        return fired.float()

    def modulator(self, trace: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        """Return the two modulators of each sample, one for each half of the neurons."""
        plus, minus = ((half**2).sum(dim=1) + EPSILON for half in trace.chunk(2, dim=1))
        own, other = torch.where(positive, plus, minus), torch.where(positive, minus, plus)
        up, down = other / own / (own + other), -1 / (own + other)
        signs = torch.where(positive, up, down), torch.where(positive, down, up)
        return torch.cat([sign.unsqueeze(1).expand(-1, NEURONS // 2) for sign in signs], dim=1)
