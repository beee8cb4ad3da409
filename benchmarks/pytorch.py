"""The same training in PyTorch, float32 and batched: as its users write it, and as well as one can without autograd."""

from __future__ import annotations

import math
import time

import numpy as np
import torch

BATCH, BATCHES, PIXELS, CLASSES, NEURONS, STEPS = 128, 10, 784, 10, 512, 20
R_ON, R_OFF, V_ON, V_OFF, K, TAU = 1e3, 1e5, 110.0, 5.0, 15.0, 100.0  # ohm, mV, us
E1, E2, C, START = 0.0, 50.0, 1e-4, 0.0238  # mV, us / ohm
CURRENT, LABEL_STRENGTH, SHARPNESS, MARGIN = 32e-3, 4.0, 0.1, 1.0  # mV / ohm
ON1, OFF1, ON2, OFF2 = (math.exp((E + v) / K) for E in (E1, E2) for v in (V_ON, V_OFF))


def alpha(steps: int = STEPS, step: float = 1.0, time_constant: float = 4.0) -> list[float]:
    """Return the alpha current after one pulse at step 0, at each (semi-implicit) step of so many us."""
    a, current, response = 1.0, 0.0, [0.0]
    for _ in range(steps - 1):
        a /= 1 + step / time_constant
        current = (current + a * step / time_constant) / (1 + step / time_constant)
        response.append(current)
    return response


class _Training:
    """Random images, weights, and the loop over batches."""

    def __init__(self, threads: int):
        torch.set_num_threads(threads)
        generator = np.random.default_rng(1)
        self.images = torch.from_numpy(generator.random((BATCHES, BATCH, PIXELS), dtype=np.float32))
        self.labels = torch.from_numpy(generator.integers(0, CLASSES, (BATCHES, BATCH)))
        self.codes = LABEL_STRENGTH * torch.eye(CLASSES)
        self.weights = torch.nn.Parameter(0.02 * torch.randn(PIXELS + CLASSES, NEURONS))
        self.optimizer = torch.optim.Adam([self.weights], lr=2e-3, fused=True)
        self.alpha = alpha()

    def images_per_second(self) -> float:
        """Train on all batches and return the speed."""
        start = time.perf_counter()
        for images, labels in zip(self.images, self.labels, strict=True):
            wrong = (labels + torch.randint(1, CLASSES, labels.shape)) % CLASSES
            self.learn(images, labels, wrong)
        return BATCH * BATCHES / (time.perf_counter() - start)

    def learn(self, images, labels, wrong) -> None:
        raise NotImplementedError


class Autograd(_Training):
    """The goodness is differentiated by autograd; the state is detached at each step, so learning is local in time."""

    def learn(self, images, labels, wrong):
        pictures = torch.cat([images, images])
        inputs = torch.cat([pictures, self.codes[torch.cat([labels, wrong])]], dim=1)
        v = torch.zeros(2 * BATCH, NEURONS)
        x1, x2 = torch.full_like(v, START), torch.full_like(v, START)
        goodness = torch.zeros(2 * BATCH)
        for amplitude in self.alpha:
            current = CURRENT * amplitude * (inputs @ self.weights)
            v, x1, x2 = v.detach(), x1.detach(), x2.detach()
            g1, g2 = x1 / R_ON + (1 - x1) / R_OFF, x2 / R_ON + (1 - x2) / R_OFF
            v = (v + (current + g1 * E1 + g2 * E2) / C) / (1 + (g1 + g2) / C)
            u1, u2 = v.detach() - E1, v.detach() - E2
            x1 = x1 + ((1 - x1) * torch.sigmoid((u1 - V_ON) / K) - x1 * torch.sigmoid((V_OFF - u1) / K)) / TAU
            x2 = x2 + ((1 - x2) * torch.sigmoid((u2 - V_ON) / K) - x2 * torch.sigmoid((V_OFF - u2) / K)) / TAU
            goodness = goodness + (v**2).mean(dim=1) / STEPS
        loss = torch.nn.functional.softplus(MARGIN - SHARPNESS * (goodness[:BATCH] - goodness[BATCH:])).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


A, B, RATE = (1 / R_ON - 1 / R_OFF) / C, 1 / R_OFF / C, 1 / TAU


def _start(drive: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return v, s, x1, x2, goodness terms and postsynaptic factors before the first step."""
    return tuple(torch.full_like(drive, value) for value in (0.0, 0.0, START, START, 0.0, 0.0))


def _present(drive: torch.Tensor, amplitudes: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return goodness terms and postsynaptic factors; one exponential for each step and neuron."""
    v, s, x1, x2, goodness, postsynaptic = _start(drive)
    for amplitude in amplitudes:
        unit = CURRENT / C * amplitude
        h1, h2 = x1 * A + B, x2 * A + B
        decay = (1 + h1 + h2).reciprocal_()
        v = torch.add(v, drive, alpha=unit).add_(h1, alpha=E1).add_(h2, alpha=E2).mul_(decay)
        s = s.add(unit).mul_(decay)
        q = torch.exp(v * (1 / K))
        up1, down1 = q / (q + ON1), OFF1 / (q + OFF1)
        up2, down2 = q / (q + ON2), OFF2 / (q + OFF2)
        x1 = x1.add(up1, alpha=RATE).div_((up1 + down1).mul_(RATE).add_(1))
        x2 = x2.add(up2, alpha=RATE).div_((up2 + down2).mul_(RATE).add_(1))
        goodness = goodness.addcmul(v, v, value=1 / STEPS)
        postsynaptic = postsynaptic.addcmul(v, s, value=2 / STEPS)
    return goodness, postsynaptic


def _present_with_fewer_divisions(drive: torch.Tensor, amplitudes: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Do the same with one division for each memristor: sooner when compiled, later when each operation is a pass."""
    v, s, x1, x2, goodness, postsynaptic = _start(drive)
    for amplitude in amplitudes:
        unit = CURRENT / C * amplitude
        h1, h2 = x1 * A + B, x2 * A + B
        decay = 1 / (1 + h1 + h2)
        v = (v + unit * drive + E1 * h1 + E2 * h2) * decay
        s = (s + unit) * decay
        q = torch.exp(v * (1 / K))
        x1 = switched(x1, q * (1 / ON1), 1 + q * (1 / OFF1))
        x2 = switched(x2, q * (1 / ON2), 1 + q * (1 / OFF2))
        goodness = goodness + v * v * (1 / STEPS)
        postsynaptic = postsynaptic + v * s * (2 / STEPS)
    return goodness, postsynaptic


def switched(x: torch.Tensor, on: torch.Tensor, off: torch.Tensor, rate: float = RATE) -> torch.Tensor:
    """Return a memristor's state after a step."""
    both, up = (1 + on) * off, on * off
    return (both * x + rate * up) / (both + rate * (up + 1 + on))


class ByHand(_Training):
    """The modulated Hebbian rule written out: the image's drive is computed once for both labels."""

    present = staticmethod(_present)

    @torch.no_grad()
    def learn(self, images, labels, wrong):
        by_image = images @ self.weights[:PIXELS]
        by_label = self.codes @ self.weights[PIXELS:]
        both = torch.cat([labels, wrong])
        terms, postsynaptic = self.present(by_image.repeat(2, 1) + by_label[both], self.alpha)
        goodness = terms.mean(dim=1)
        modulator = SHARPNESS * torch.sigmoid(MARGIN - SHARPNESS * (goodness[:BATCH] - goodness[BATCH:])) / NEURONS
        factor = postsynaptic * torch.cat([-modulator, modulator])[:, None] / BATCH
        by_class = torch.zeros(CLASSES, NEURONS).index_add_(0, both, factor)
        self.weights.grad = torch.cat([images.T @ (factor[:BATCH] + factor[BATCH:]), self.codes.T @ by_class])
        self.optimizer.step()


class LookedUp(ByHand):
    """What the response engine does, in PyTorch: straight lines in a table of the same entries."""

    def __init__(self, threads: int):
        super().__init__(threads)
        self.low, self.cells_per_drive = -16.0, 2**13 / 32.0
        drives = torch.linspace(-16.0, 16.0, 2**13 + 1)
        self.terms, self.factors = _present(drives, self.alpha)

    def present(self, drive: torch.Tensor, amplitudes: list[float]) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        """Return goodness terms and postsynaptic factors."""
        place = (drive - self.low).mul_(self.cells_per_drive)
        cell = place.to(torch.int64).clamp_(0, 2**13 - 1)
        within = place - cell
        terms, factors = (torch.lerp(table[cell], table[cell + 1], within) for table in (self.terms, self.factors))
        return terms, factors


class Compiled(ByHand):
    """The same with the presentation compiled to C++ by torch.compile."""

    present = staticmethod(torch.compile(_present_with_fewer_divisions))
