"""Choices of IKE that the paper leaves open, and that are off as released."""

import copy
from dataclasses import fields

import pytest
import torch
import torch.nn.functional as F

from baselines.contract import Task
from baselines.zeroshot.training import TrainingRun
from ikebench.ike.method import IKE
from ikebench.ike.release import IKERelease

SMALL = {"iterations": 3, "crop": 48, "blocks": 1, "layers": 2, "growth": 4, "u_layers": 2, "u_width": 8}
NO_FORWARD = {"lambda_forward": 0.0, "lambda_energy": 0.0}


def training(method=IKE, **choices):
    lr = torch.rand((1, 3, 48, 48), generator=torch.Generator().manual_seed(0))
    return method(**SMALL | {"decay_every": 1} | choices).training(Task(lr, seed=1), 2, "fp32")


def first_inputs(one):
    return {name: values[0] for name, values in one.draw(0).items()}


def weights(one, network):
    return copy.deepcopy(getattr(one, network).state_dict())


def changed(before, after):
    return any(not torch.equal(before[name], after[name]) for name in before)


def after_a_step(network, **choices):
    one = training(**choices)
    before = weights(one, network)
    losses = one.step(first_inputs(one))
    after = weights(one, network)
    return losses, {name: after[name] - before[name] for name in after}


def test_pd2_keeps_its_rate_unless_it_is_to_decay():
    kept, decayed = training().draw(0), training(pd2_decay=True).draw(0)
    assert kept["pd2_rate"].tolist() == pytest.approx([2e-4] * 3)
    assert torch.equal(decayed["pd2_rate"], decayed["rate"])
    assert decayed["pd2_rate"].tolist() == pytest.approx([2e-4, 2e-5, 2e-6])


def test_the_encoder_feels_the_decoding_through_z_only_where_it_is_to():
    """With no term of equation (6), only equation (7) moves the flow, whose own part in it is the decoder's."""
    losses, flow = after_a_step("flow", **NO_FORWARD)
    through_losses, through = after_a_step("flow", **NO_FORWARD, z_gradient=True)
    assert losses[0] == through_losses[0], "the first loss is of equal networks"
    assert changed(flow, through)
    u, u_through = (after_a_step("u", **NO_FORWARD, z_gradient=on)[1] for on in (False, True))
    assert not changed(u, u_through), "U's own gradient is the same"


def test_choices_that_came_later_leave_the_keys_of_older_results_alone():
    later = {field.name for field in fields(IKE) if field.metadata.get("later")}
    assert later == {
        *("energy_schedule", "adam_per_phase", "phases_in_turns", "pd2_crop", "pd2_noise", "value_range", "bicubic_a"),
        "invertible",
    }


@pytest.mark.parametrize(
    ("schedule", "expected"), [("linear", [4, 3.25, 2.5, 1.75, 1]), ("geometric", None), ("late", [4, 4, 4, 2.5, 1])]
)
def test_the_energy_weight_falls_as_it_is_to(schedule, expected):
    energy = training(iterations=5, energy_schedule=schedule).draw(0)["energy"].tolist()
    assert energy == pytest.approx(expected or [4, 4 / 2**0.5, 2, 2**0.5, 1])


def test_one_adam_takes_both_phases_of_the_flow_or_each_has_its_own():
    one, two = training(), training(adam_per_phase=True)
    losses = [each.step(first_inputs(each)) for each in (one, two)]
    assert torch.equal(losses[0][:3], losses[1][:3]), "until the flow's second step nothing differs"
    assert changed(weights(one, "flow"), weights(two, "flow"))
    assert one.decoder_adam is one.encoder_adam and len(one.optimisers) == 4 and len(two.optimisers) == 5
    steps = [{int(state["step"]) for state in each.state.values()} for each in two.optimisers]
    assert steps == [{1}] * 5 and {int(state["step"]) for state in one.encoder_adam.state.values()} == {2}
    rates = [float(each.param_groups[0]["lr"]) for each in two.optimisers]
    assert rates == pytest.approx([2e-4] * 5)


def test_the_first_step_of_an_adam_of_its_own_is_that_of_the_only_one():
    only, own = (after_a_step("flow", **NO_FORWARD, adam_per_phase=on)[1] for on in (False, True))
    assert not changed(only, own)


def test_two_networks_start_equal_and_each_phase_trains_its_own():
    one, two = training(), training(invertible=False)
    assert torch.equal(one.restore(), two.restore())
    start = weights(two, "flow")
    assert not changed(start, weights(two, "decoder"))
    losses = [each.step(first_inputs(each)) for each in (one, two)]
    assert torch.equal(losses[0][:2], losses[1][:2]) and not torch.equal(losses[0][2:], losses[1][2:])
    assert changed(start, weights(two, "flow")) and changed(weights(two, "flow"), weights(two, "decoder"))
    assert {int(state["step"]) for each in two.optimisers for state in each.state.values()} == {1}


def test_two_networks_alone_are_trained_in_their_own_phase():
    for name, terms in (("flow", NO_FORWARD), ("decoder", {})):
        _, moved = after_a_step(name, invertible=False, **terms)
        assert any(step.any() for step in moved.values()) == (name == "decoder")


def test_phases_in_turns_train_one_half_each():
    one, whole = training(phases_in_turns=True), training()
    run = TrainingRun(one, Task(one.lr))
    networks = {"flow", "u", "pd1", "pd2"}
    for iteration, trained in ((1, {"flow", "pd1"}), (2, {"flow", "u", "pd2"}), (3, {"flow", "pd1"})):
        before = {name: weights(one, name) for name in networks}
        run.advance(iteration)
        assert {name for name in networks if changed(before[name], weights(one, name))} == trained
    encoding, decoding = (turn.loss_names for turn in one.turns)
    assert (encoding, decoding) == (["encoder", "PD1"], ["decoder", "PD2"])
    again = training(phases_in_turns=True)
    losses = again.turns[0].step(first_inputs(again)), again.turns[1].step(first_inputs(again))
    assert torch.equal(torch.cat(losses), whole.step(first_inputs(whole))), "on one crop, both are an iteration"


def test_phases_in_turns_with_nothing_to_encode_for():
    one = training(phases_in_turns=True, **NO_FORWARD)
    TrainingRun(one, Task(one.lr)).advance(3)
    assert [turn.loss_names for turn in one.turns] == [[], ["decoder", "PD2"]]


class Recorder(torch.nn.Module):
    """Stands in for PD2 and keeps what it is shown."""

    def __init__(self, judge):
        super().__init__()
        self.judge, self.pulls, self.shown = judge, None, None

    def frozen(self, images):
        self.pulls = images.detach().clone()
        return self.judge.frozen(images)

    def each(self, images):
        self.shown = images.clone()
        return self.judge.each(images)


def seen_by_pd2(**choices):
    """Give a first step's inputs, the SR image that pulls at the flow, and the real crop and the fakes."""
    one = training(**choices)
    inputs, one.pd2 = first_inputs(one), Recorder(one.pd2)
    one.step(inputs)
    return inputs, one.pd2.pulls, one.pd2.shown[:, 0]


def same_draws(inputs, others):
    return all(torch.equal(values, others[name]) for name, values in inputs.items())


def test_pd2s_crop_is_a_part_of_the_sr_at_a_random_place():
    plain, whole, shown = seen_by_pd2()
    inputs, cropped, still_shown = seen_by_pd2(pd2_crop=True)
    assert whole.shape == (1, 3, 96, 96) and cropped.shape == (1, 3, 48, 48) and still_shown.shape == shown.shape
    top, left = (int(inputs[name][0]) for name in ("sr_rows", "sr_columns"))
    assert torch.equal(cropped, whole[..., top : top + 48, left : left + 48])
    assert same_draws(plain, inputs)
    rows = training(pd2_crop=True, iterations=50).draw(0)["sr_rows"]
    assert rows.min() < 6 and rows.max() > 89 and rows.max() < 96 and len(rows[:, 0].unique()) > 20


def test_pd2_sees_noise_where_it_is_to():
    plain, whole, shown = seen_by_pd2()
    inputs, pulls, noisy = seen_by_pd2(pd2_noise=0.1)
    assert torch.equal(pulls, whole) and same_draws(plain, inputs)
    added = noisy - seen_by_pd2(pd2_noise=1e-12)[2]
    assert shown.shape == added.shape == (5, 3, 48, 48)
    assert added[0].std().item() == pytest.approx(0.2, rel=0.03)  # 0.1 of the range [0, 1]
    assert added[1:].std().item() == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize("method", [IKE, IKERelease])
def test_another_range_of_values_is_another_unit(method):
    """At first: linear maps without biases, and ReLUs, know no unit. Losses but the adversaries' are of it."""
    choices = {"lambda_forward": 0.0, "lambda_backward": 0.0, "xavier_gain": 1.0, "quirks": "none"}
    if method is IKE:
        choices.pop("quirks")
    signed, unit = (training(method, value_range=name, **choices) for name in ("signed", "unit"))
    torch.testing.assert_close(unit.restore(), signed.restore(), atol=1e-5, rtol=0)
    of_signed, of_unit = first_inputs(signed), first_inputs(unit)
    assert of_unit["crop"].min() >= 0 > of_signed["crop"].min()
    for name in ("crop", "real"):
        torch.testing.assert_close(of_unit[name], (of_signed[name] + 1) / 2)
    torch.testing.assert_close(of_unit["fake_noise"], of_signed["fake_noise"] / 2)
    torch.testing.assert_close(unit._mask(of_unit["crop"][0, :, None]), signed._mask(of_signed["crop"][0, :, None]))
    half, whole = unit.step(of_unit), signed.step(of_signed)
    if method is IKE:
        torch.testing.assert_close(half, whole / 2, rtol=1e-3, atol=0)


def test_the_cubic_of_the_companions_is_torchs_where_it_is_to():
    steep, plain = training(bicubic_a=-0.75), training()
    image = plain.lr
    up = F.interpolate(image, scale_factor=2, mode="bicubic")[..., 4:-4, 4:-4]
    ours, default = (one.companions(image).up.transpose(0, 1)[..., 4:-4, 4:-4] for one in (steep, plain))
    torch.testing.assert_close(ours, up, atol=1e-5, rtol=0)
    assert (default - up).abs().max() > 0.01
    for part in ("down", "residual"):
        assert not torch.equal(getattr(steep.companions(image), part), getattr(plain.companions(image), part))
    assert not torch.equal(steep.z_up.rows, plain.z_up.rows)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"energy_schedule": "cosine"}, "energy_schedule must be linear, geometric, late, not 'cosine'"),
        ({"energy_schedule": "geometric", "lambda_energy_end": 0.0}, "geometric needs .* above 0"),
        ({"pd2_noise": -0.1}, "pd2_noise must be 0 or more, not -0.1"),
        ({"value_range": "bytes"}, "value_range must be signed, unit, not 'bytes'"),
        ({"bicubic_a": 0.5}, "bicubic_a must be from -1 to 0, not 0.5"),
        ({"bicubic_a": -0.75, "grid": "align-corners"}, "bicubic_a is not of the grid align-corners"),
        ({"invertible": False, "z_gradient": True}, "invertible"),
    ],
)
def test_what_cannot_be_chosen_is_refused(choices, words):
    with pytest.raises(ValueError, match=f"^ike: .*{words}"):
        IKE(**choices)
