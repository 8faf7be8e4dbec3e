"""A continuous latent space of architectures: encoder, predictor of scores and decoder in one network.

Source: Luo et al., "Neural Architecture Optimization", NeurIPS 2018, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmreg.util.threads import threads_restored


class LatentModel(nn.Module):
    """An LSTM encoder and an LSTM decoder over the decisions, and an MLP predictor on the mean of the
    encoder's outputs.

    Each of the encoder's outputs belongs to one decision, so the decoder reads them in order and needs
    neither the original's attention nor its own previous choice.

    Args:
        counts: number of options of each decision.
        hidden: number of units of every layer.
    """

    inside: Tensor
    starts: Tensor

    def __init__(self, counts: Sequence[int], hidden: int):
        super().__init__()
        # The tokens are the options of all decisions, numbered consecutively.
        tokens, ends = sum(counts), np.cumsum(counts)
        starts = torch.from_numpy(ends - counts)[:, None]
        number = torch.arange(tokens)
        self.register_buffer("starts", starts[:, 0])
        self.register_buffer("inside", (number >= starts) & (number < torch.from_numpy(ends)[:, None]))
        self.embedding = nn.Embedding(tokens, hidden)
        self.encoder = nn.LSTM(hidden, hidden, batch_first=True)
        self.predictor = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.decoder = nn.LSTM(hidden, hidden, batch_first=True)
        self.head = nn.Linear(hidden, tokens)

    def encode(self, choices: Tensor) -> Tensor:
        """Return unit vectors [n, decisions, hidden] for choices, int64 [n, decisions]."""
        return F.normalize(self.encoder(self.embedding(choices + self.starts))[0], dim=-1)

    def predict(self, outputs: Tensor) -> Tensor:
        """Return the predicted scores in (0, 1), [n], for the encoder's outputs."""
        return self.predictor(_latent(outputs)).squeeze(-1).sigmoid()

    def decode(self, outputs: Tensor) -> Tensor:
        """Return logits of tokens, [n, decisions, tokens]; tokens of other decisions have −∞."""
        state = _latent(outputs)[None]
        hidden, _ = self.decoder(outputs, (state, torch.zeros_like(state)))
        return self.head(hidden).masked_fill(~self.inside, -torch.inf)

    def loss(self, choices: Tensor, scores: Tensor, trade_off: float) -> Tensor:
        """Return ``trade_off`` · squared error of scores + (1 − ``trade_off``) · cross-entropy of choices."""
        outputs = self.encode(choices)
        error = F.mse_loss(self.predict(outputs), scores)
        tokens = (choices + self.starts).flatten()
        entropy = F.cross_entropy(self.decode(outputs).flatten(0, 1), tokens)
        return trade_off * error + (1 - trade_off) * entropy

    def decoded_steps(self, choices: np.ndarray, steps: Sequence[float]) -> Iterator[list[np.ndarray]]:
        """Decode points after a step up the predictor's gradient, for each of ``steps``: yield for each
        decision the probabilities of its options, [n, options], independent of other decisions.

        The gradient is normalised, as its length only says how flat the sigmoid is. A step of 1 is as long as
        an output; a negative step goes down. ``choices``, int64 [n, decisions], are the starting points.
        """
        outputs = self.encode(torch.from_numpy(choices)).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.predict(outputs).sum(), outputs)
        direction = F.normalize(gradient, dim=-1)
        for step in steps:
            with torch.no_grad():
                logits = self.decode(F.normalize(outputs + step * direction, dim=-1))
            shares = logits.softmax(-1)
            yield [shares[:, d, inside].numpy() for d, inside in enumerate(self.inside)]


def _latent(outputs: Tensor) -> Tensor:
    """Return one point per architecture, [n, hidden]: the normalised mean of its outputs."""
    return F.normalize(outputs.mean(1), dim=-1)


def fit(
    choices: np.ndarray,
    scores: np.ndarray,
    counts: Sequence[int],
    *,
    seed: int,
    hidden: int,
    epochs: int,
    lr: float,
    trade_off: float,
) -> LatentModel:
    """Fit a new model by Adam on full batches, on one core; the result depends only on ``seed`` and data.

    ``choices`` are int [n, decisions], ``scores`` float [n] in [0, 1], higher is better.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        model = LatentModel(counts, hidden)
    x, y = torch.from_numpy(choices), torch.from_numpy(scores).float()
    adam = torch.optim.Adam(model.parameters(), lr)
    with threads_restored(1):  # the matrices are so small that threads would mostly wait for each other
        for _ in range(epochs):
            adam.zero_grad()
            model.loss(x, y, trade_off).backward()
            adam.step()
    return model
