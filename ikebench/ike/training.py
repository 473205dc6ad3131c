"""One image's training of IKE: the phases of the paper, their losses and schedule."""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.contract import Precision, Task
from baselines.resize import Resize
from baselines.zeroshot.conv_stack import ConvStack, xavier_normal
from baselines.zeroshot.crops import CropPairs
from baselines.zeroshot.discriminator import PatchDiscriminator
from baselines.zeroshot.regularisers import smoothness_mask
from baselines.zeroshot.sizes import crop_side
from baselines.zeroshot.training import (
    Turn,
    adam,
    chunk_generator,
    chunk_span,
    decayed_rate,
    descend,
    run_wide,
    set_learning_rate,
)
from ikebench.ike import losses
from ikebench.ike.method import IKE, SMALLEST_LLR
from ikebench.ike.network import (
    Coupling,
    DenseShape,
    IKENet,
    Stage,
    channels_to_colours,
    colours_to_channels,
    decode,
    encode,
)
from ikebench.ike.schedules import ENERGY_SCHEDULES
from ikebench.ike.value_range import ValueRange


class Crop(NamedTuple):
    """The bicubic companions of an LR image or crop, one colour an image, in the training's range."""

    image: Tensor  # (3, 1, h, w)
    down: Tensor  # (3, 1, h/s, w/s)
    up: Tensor  # (3, 1, s h, s w)
    residual: Tensor  # (3, 1, h, w): what the network sees


class IKETraining:
    """One image's training (see `baselines.zeroshot.training.Training`)."""

    inverse = staticmethod(Coupling.inverse)
    more_forward_terms = False  # than those of equation (6)

    def __init__(self, ike: IKE, task: Task, scale: int, precision: Precision = "fp32") -> None:
        """Build the networks and draw every crop position.

        Raises:
            ValueError: if a side of the LR image is under 12 x scale px.
        """
        self.ike, self.scale, self._wide = ike, scale, partial(run_wide, precision=precision)
        self.iterations, self.seed = ike.iterations, task.seed
        self.size = task.lr.shape[-2:]
        self.value_range = ValueRange.named(ike.value_range)
        self.lr = self.value_range.of(_padded(task.lr, scale))  # (1, 3, h, w)
        self.crop = crop_side(task.lr, ike.crop, scale, SMALLEST_LLR * scale, f"ike at x{scale}")
        self._bicubic = partial(Resize.bicubic, grid=ike.grid, a=ike.bicubic_a)
        self._build_networks()
        self._build_optimisers()
        sides = (self.crop, self.crop // scale)
        self.pairs = CropPairs.draw(task.lr, sides, self.iterations, self.seed, coarser=scale, frame=0)  # release
        corner = self.lr[..., : self.crop, : self.crop]
        self.crop_companions = self._resizers(corner)
        self.z_up = self._bicubic(self.crop_companions[0](corner), scale)

    def _build_networks(self) -> None:
        ike, generator = self.ike, torch.Generator().manual_seed(self.seed)
        shape = DenseShape(ike.layers, ike.growth, ike.xavier_gain, ike.activation)
        z_channels = 3 * (self.scale**2 - 1)
        self.flow = IKENet(self.scale, ike.blocks, shape, ike.tri_channel, generator)
        self.u = ConvStack(z_channels, ike.u_layers, ike.u_width, xavier_normal(ike.xavier_gain), generator)
        self.pd1, self.pd2 = PatchDiscriminator(generator), PatchDiscriminator(generator)
        self.decoder = self.flow if ike.invertible else deepcopy(self.flow)
        own = [self.decoder] * (not ike.invertible)
        self.networks = nn.ModuleList([self.flow, self.u, self.pd1, self.pd2, *own]).to(self.lr)

    def _build_optimisers(self) -> None:
        betas = (self.ike.beta1, self.ike.beta2)
        self.encoder_adam, self.u_adam, self.pd1_adam, self.pd2_adam = (
            adam(network.parameters(), betas) for network in (self.flow, self.u, self.pd1, self.pd2)
        )
        self.optimisers = [self.encoder_adam, self.u_adam, self.pd1_adam, self.pd2_adam]
        self.decoder_adam = self.encoder_adam
        if self.ike.adam_per_phase or not self.ike.invertible:
            self.decoder_adam = adam(self.decoder.parameters(), betas)
            self.optimisers.append(self.decoder_adam)

    def draw(self, chunk: int) -> dict[str, Tensor]:
        """Cut the crops, draw the noise and the schedules of one chunk of iterations."""
        ike, device = self.ike, self.lr.device
        iterations = torch.arange(self.iterations)[chunk_span(chunk)]
        generator = chunk_generator(self.seed, chunk, device)
        shape = (2, len(iterations), 1, 3, self.pairs.small_side, self.pairs.small_side)
        noise = torch.randn(shape, generator=generator, device=device) * ike.noise
        crop, real = (crops[:, None] for crops in self._crops(chunk, self.value_range.span * noise[0][:, 0]))
        progress = iterations.double() / max(self.iterations - 1, 1)
        energy = ENERGY_SCHEDULES[ike.energy_schedule](ike.lambda_energy, ike.lambda_energy_end, progress)
        rate = decayed_rate(ike.learning_rate, ike.decay, ike.decay_every, iterations).to(self.lr)
        return {
            "crop": crop,  # (n, 1, 3, c, c)
            "real": real,  # (n, 1, 3, c/s, c/s)
            "fake_noise": self.value_range.span / 2 * noise[1],
            "rate": rate,
            "pd2_rate": rate if ike.pd2_decay else self.lr.new_full(iterations.shape, ike.learning_rate),
            "energy": energy.to(self.lr),
            **self._draw_for_pd2(len(iterations), generator),
        }

    def _draw_for_pd2(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw what is off by default, and after all else: PD2's noise, and where the SR is cropped for the flow."""
        ike, side, device, drawn = self.ike, self.crop, self.lr.device, dict[str, Tensor]()
        if ike.pd2_noise:
            noise = torch.randn(count, 1 + self.scale**2, 3, side, side, generator=generator, device=device)
            noise[:, :1] *= 2  # as for PD1
            drawn["pd2_noise"] = self.value_range.span / 2 * ike.pd2_noise * noise
        if ike.pd2_crop:
            past_corners = (self.scale - 1) * side + 1
            corners = torch.randint(past_corners, (2, count, 1), generator=generator, device=device)
            drawn["sr_rows"], drawn["sr_columns"] = corners + torch.arange(side, device=device)  # (n, c)
        return drawn

    def _crops(self, chunk: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Cut a chunk's crops (n, 3, c, c) and its real samples (n, 3, c/s, c/s), these with noise."""
        crop, real = self.pairs.cut(self.lr, chunk_span(chunk))
        return crop, real + noise

    def step(self, inputs: dict[str, Tensor]) -> Tensor:
        """One iteration: the encoding phase and the decoding phase, each followed by its discriminator's step."""
        return self._train(inputs, encoding=True, decoding=True)

    def _train(self, inputs: dict[str, Tensor], *, encoding: bool, decoding: bool) -> Tensor:
        """Train one iteration of these phases."""
        set_learning_rate(inputs["rate"], *(one for one in self.optimisers if one is not self.pd2_adam))
        set_learning_rate(inputs["pd2_rate"], self.pd2_adam)
        crop, found = self._companions(inputs["crop"], self.crop_companions), list[Tensor]()
        if encoding:
            found += self._encoding_phase(crop, inputs)
        stages = self.flow.composed()
        with torch.set_grad_enabled(self.ike.z_gradient):  # once for both: what PD1 judges, and the Z that U is given
            encoded = encode(crop.residual, stages)
        if encoding:
            found += self._judge_llr(encoded.detach(), crop, inputs)
        if decoding:
            z = encoded[:, 1:]
            found += self._decoding_phase(crop, z, self._decoding_stages(stages), inputs)
            found += self._judge_sr(crop, z.detach(), inputs)
        return torch.stack(found).detach() if found else inputs["rate"].new_zeros(0)

    @property
    def turns(self) -> list[Turn]:
        """What iterations do, one after the other."""
        if not self.ike.phases_in_turns:
            return [Turn(self.step, self.loss_names)]
        names = self.loss_names
        encoding, decoding = names[: names.index("decoder")], names[names.index("decoder") :]
        return [
            Turn(partial(self._train, encoding=True, decoding=False), encoding),
            Turn(partial(self._train, encoding=False, decoding=True), decoding),
        ]

    @property
    def loss_names(self) -> list[str]:
        """Name the losses of `step`: those whose weights are 0 are not there."""
        ike = self.ike
        there = {
            "encoder": bool(ike.lambda_forward or ike.lambda_energy) or self.more_forward_terms,
            "PD1": bool(ike.lambda_forward),
            "decoder": True,
            "PD2": bool(ike.lambda_backward),
        }
        return [name for name, is_there in there.items() if is_there]

    def _encoding_phase(self, crop: Crop, inputs: dict[str, Tensor]) -> list[Tensor]:
        """Equation (6), then PD1."""
        llr = self._downscaled(encode(crop.residual, self.flow.composed()), crop)  # (3, 1, c/s, c/s)
        terms = self._forward_terms(llr, crop, inputs)
        if not terms:
            return []
        loss = torch.stack(terms).sum()
        descend(loss, self.encoder_adam)
        return [loss]

    def _judge_llr(self, encoded: Tensor, crop: Crop, inputs: dict[str, Tensor]) -> list[Tensor]:
        """PD1's step; encoded (3, s^2, c/s, c/s) by the flow as it is after its own."""
        if not self.ike.lambda_forward:
            return []
        fake = self._downscaled(encoded, crop).transpose(0, 1)  # (1, 3, c/s, c/s)
        scores = self._wide(self.pd1.each, torch.stack([inputs["real"], fake + inputs["fake_noise"]]))
        loss = losses.discriminator_loss(scores)
        descend(loss, self.pd1_adam)
        return [loss]

    def _forward_terms(self, llr: Tensor, crop: Crop, inputs: dict[str, Tensor]) -> list[Tensor]:
        """Equation (6), term by term; llr (3, 1, c/s, c/s)."""
        ike, terms = self.ike, []
        if ike.lambda_forward:
            scores = self._wide(self.pd1.frozen, llr.transpose(0, 1))
            terms.append(ike.lambda_forward * losses.gan_loss(scores, losses.REAL))
        if ike.lambda_energy:
            terms.append(inputs["energy"] * losses.energy_loss(llr, crop.down, ike.energy_window))
        return terms

    def _decoding_phase(
        self, crop: Crop, z: Tensor, stages: Sequence[Stage], inputs: dict[str, Tensor]
    ) -> list[Tensor]:
        """Equation (7); z (3, s^2-1, c/s, c/s)."""
        sr = self._super_resolve(crop, z, stages, self.z_up)  # (3, 1, s c, s c)
        loss = torch.stack(self._backward_terms(sr, crop, inputs)).sum()
        descend(loss, self.decoder_adam, self.u_adam)
        return [loss]

    def _judge_sr(self, crop: Crop, z: Tensor, inputs: dict[str, Tensor]) -> list[Tensor]:
        """PD2's step, on an SR image that U and D, as they are after theirs, make of the same Z (release)."""
        if not self.ike.lambda_backward:
            return []
        with torch.no_grad():
            sr = self._super_resolve(crop, z, self.decoder.composed(), self.z_up)
        images = torch.cat([inputs["crop"], _tiles(sr.transpose(0, 1), self.scale)])  # (1 + s^2, 3, c, c)
        if self.ike.pd2_noise:
            images = images + inputs["pd2_noise"]
        loss = losses.discriminator_loss(self._wide(self.pd2.each, images[:, None]))
        descend(loss, self.pd2_adam)
        return [loss]

    def _backward_terms(self, sr: Tensor, crop: Crop, inputs: dict[str, Tensor]) -> list[Tensor]:
        """Equation (7), term by term; sr (3, 1, s c, s c)."""
        ike, terms = self.ike, []
        if ike.lambda_backward:
            judged = sr.transpose(0, 1)
            if ike.pd2_crop:
                judged = judged.index_select(-2, inputs["sr_rows"]).index_select(-1, inputs["sr_columns"])
            scores = self._wide(self.pd2.frozen, judged)
            terms.append(ike.lambda_backward * losses.gan_loss(scores, losses.REAL))
        if ike.lambda_tv:
            terms.append(ike.lambda_tv * self._total_variation(sr))
        if ike.lambda_interpolation:
            loss = losses.interpolation_loss(sr, crop.up, self._mask(crop.up))
            terms.append(ike.lambda_interpolation * loss)
        return terms

    def _total_variation(self, sr: Tensor) -> Tensor:
        return losses.total_variation(sr)

    def _mask(self, bicubic: Tensor) -> Tensor:
        """f_mask of equation (4), on the image mapped to [0, 1] (as DualSR)."""
        return smoothness_mask(self.value_range.back(bicubic))

    def _super_resolve(
        self, crop: Crop, z: Tensor, stages: Sequence[Stage], z_up: Resize, *, in_tiles: bool = False
    ) -> Tensor:
        """U and D, on Z (3, s^2-1, h/s, w/s): (3, 1, s h, s w)."""
        z_large = self.u.run(colours_to_channels(z_up(z)), self._wide, in_tiles=in_tiles)
        detail = decode(torch.cat([crop.residual, channels_to_colours(z_large)], dim=1), stages, self.inverse)
        return detail + crop.up if self.ike.bicubic_residual else detail

    def _downscaled(self, encoded: Tensor, crop: Crop) -> Tensor:
        """X_LLR: the encoded channel 0, plus the bicubic part where the network saw only the residual."""
        return encoded[:, :1] + crop.down if self.ike.bicubic_residual else encoded[:, :1]

    def _decoding_stages(self, stages: Sequence[Stage]) -> Sequence[Stage]:
        """Give the decoder's maps: `stages`, those of the encoder, where both are one network."""
        return stages if self.ike.invertible else self.decoder.composed()

    def _resizers(self, image: Tensor) -> tuple[Resize, Resize, Resize]:
        """Down by s, back up, and up by s, for images of this size."""
        down = self._bicubic(image, 1 / self.scale)
        return down, self._bicubic(down(image), self.scale), self._bicubic(image, self.scale)

    def _companions(self, image: Tensor, resizers: tuple[Resize, Resize, Resize]) -> Crop:
        """Section "Bicubic Residual": X, X_down, X_up and R = X - up(X_down), of an image (1, 3, h, w)."""
        down, back, up = resizers
        image = image.transpose(0, 1)  # (3, 1, h, w)
        smaller = down(image)
        residual = image - back(smaller) if self.ike.bicubic_residual else image
        return Crop(image, smaller, up(image), residual)

    def companions(self, crop: Tensor) -> Crop:
        """Give the bicubic companions of a crop (1, 3, c, c) in the training's range."""
        return self._companions(crop, self.crop_companions)

    def downscaled(self, crop: Crop) -> Tensor:
        """X_LLR (3, 1, c/s, c/s) of a crop, by the flow as it is."""
        return self._downscaled(encode(crop.residual, self.flow.composed()), crop)

    @torch.no_grad()
    def restore(self) -> Tensor:
        """Restore the whole LR image with the networks as they are: (1, 3, s h, s w) in [0, 1], not clamped."""
        resizers = self._resizers(self.lr)
        whole = self._companions(self.lr, resizers)
        stages = self.flow.composed()
        z = encode(whole.residual, stages)[:, 1:]
        z_up = self._bicubic(whole.down, self.scale)
        sr = self._super_resolve(whole, z, self._decoding_stages(stages), z_up, in_tiles=True)
        height, width = (side * self.scale for side in self.size)
        return self.value_range.back(sr.transpose(0, 1)[..., :height, :width])


def _padded(lr: Tensor, scale: int) -> Tensor:
    """Reflect the bottom and right border until the scale divides the sides."""
    height, width = lr.shape[-2:]
    return F.pad(lr, (0, -width % scale, 0, -height % scale), mode="reflect")


def _tiles(image: Tensor, count: int) -> Tensor:
    """Cut (1, 3, count c, count c) into (count^2, 3, c, c)."""
    rows = image[0].unflatten(1, (count, -1)).unflatten(3, (count, -1))  # (3, count, c, count, c)
    return rows.permute(1, 3, 0, 2, 4).flatten(0, 1)
