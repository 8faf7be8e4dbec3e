from __future__ import annotations

import numpy as np
import pytest
import torch

from lmreg.proxy.jacob_cov import Config, JacobCov
from lmreg.proxy.probe import Probe


def test_it_is_of_the_correlations_between_gradients_of_images(probe: Probe) -> None:
    images = probe.batches[0].images.clone().requires_grad_(True)
    probe.net(images).sum().backward()
    assert images.grad is not None
    values = np.linalg.eigvalsh(np.corrcoef(images.grad.flatten(1).double().numpy())) + 1e-5
    assert JacobCov(Config()).score(probe) == pytest.approx(-(np.log(values) + 1 / values).sum(), rel=1e-4)
    assert isinstance(images.grad, torch.Tensor)
