"""Whether learning one sample moves the network with another or against it: inner products of their gradients.

A small step down the loss of a new sample changes the loss of an old one by −(step size) · ⟨∇new, ∇old⟩: positive
products help the old one, negative ones harm it (D. Lopez-Paz and M. Ranzato, Gradient Episodic Memory for Continual
Learning, 2017, section 3).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from acl.network.inference import Seen


def products(
    new: Seen, new_labels: Int64[Tensor, " n"], old: Seen, old_labels: Int64[Tensor, " m"]
) -> Float[Tensor, "n m"]:
    """⟨∇_head loss of new sample i, ∇_head loss of old sample j⟩, of the network's last layer (weights and bias) alone.

    loss: cross-entropy over all outputs. Its gradient for a sample is (softmax(logits) − one-hot label) ⊗ (h, 1), so
    the product of two is that of their errors times that of their features.
    """
    errors = _errors(new, new_labels) @ _errors(old, old_labels).T
    return errors * (new.h.double() @ old.h.double().T + 1)


def _errors(seen: Seen, labels: Int64[Tensor, " n"]) -> Float[Tensor, "n n_classes"]:
    found = torch.softmax(seen.logits.double(), 1)
    found[torch.arange(len(labels), device=found.device), labels] -= 1
    return found
