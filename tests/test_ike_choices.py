"""Choices of IKE that the paper leaves open, and that are off as released."""

import copy

import pytest
import torch

from baselines.contract import Task
from ikebench.ike.method import IKE
from ikebench.ike.training import IKETraining


def training(**choices):
    ike = IKE(iterations=3, crop=48, blocks=1, layers=2, growth=4, u_layers=2, u_width=8, decay_every=1, **choices)
    lr = torch.rand((1, 3, 48, 48), generator=torch.Generator().manual_seed(0))
    return IKETraining(ike, Task(lr, seed=1), 2)


def after_a_step(network, **choices):
    one = training(**choices)
    before = copy.deepcopy(getattr(one, network).state_dict())
    drawn = {name: values[0] for name, values in one.draw(0).items()}
    losses = one.step(drawn)
    after = getattr(one, network).state_dict()
    return losses, {name: after[name] - before[name] for name in after}


def test_pd2_keeps_its_rate_unless_it_is_to_decay():
    kept, decayed = training().draw(0), training(pd2_decay=True).draw(0)
    assert kept["pd2_rate"].tolist() == pytest.approx([2e-4] * 3)
    assert torch.equal(decayed["pd2_rate"], decayed["rate"])
    assert decayed["pd2_rate"].tolist() == pytest.approx([2e-4, 2e-5, 2e-6])


def test_the_encoder_feels_the_decoding_through_z_only_where_it_is_to():
    """With no term of equation (6), only equation (7) moves the flow, whose own part in it is the decoder's."""
    choices = {"lambda_forward": 0.0, "lambda_energy": 0.0}
    losses, flow = after_a_step("flow", **choices)
    through_losses, through = after_a_step("flow", **choices, z_gradient=True)
    assert losses[0] == through_losses[0], "the first loss is of equal networks"
    assert any(not torch.equal(flow[name], through[name]) for name in flow)
    u, u_through = (after_a_step("u", **choices, z_gradient=on)[1] for on in (False, True))
    assert all(torch.equal(u[name], u_through[name]) for name in u), "U's own gradient is the same"
