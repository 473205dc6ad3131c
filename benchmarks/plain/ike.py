"""IKE as its paper defines it, and as it was released, plainly. Images in [-1, 1], a batch of three colours."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from ikebench.ike.network import CouplingBlock
from ikebench.ike.release_training import ReleaseTraining
from ikebench.ike.training import IKETraining

from .losses import BicubicSchedule, bicubic_target, resized, sobel
from .networks import Judge, conv_stack, copies, dense


class Coupling:
    """One block: x_a (the first channel), x_b and x_res (the last)."""

    def __init__(self, block: CouplingBlock) -> None:
        """Copy the weights."""
        assert block.rho is not None
        phi, sigma, rho = ((copies(part.weights), copies(part.biases)) for part in (block.phi, block.sigma, block.rho))
        self.phi, self.sigma, self.rho = phi, sigma, rho

    def parameters(self) -> list[Tensor]:
        """In the order of `CouplingBlock.parameters`."""
        return [p for weights, biases in (self.phi, self.sigma, self.rho) for p in (*weights, *biases)]

    def forward(self, x: Tensor) -> Tensor:
        """Encode."""
        x_a, x_b, x_res = x[:, :1], x[:, 1:-1], x[:, -1:]
        y_a = x_a + dense(*self.phi, x_b)
        y_b = x_b + dense(*self.sigma, y_a)
        return torch.cat([y_a + dense(*self.rho, x_res), y_b, x_res], dim=1)

    def reverse(self, y: Tensor, *, released: bool) -> Tensor:
        """Decode; as released, with rho still inside when sigma is taken."""
        y_a, y_b, y_res = y[:, :1], y[:, 1:-1], y[:, -1:]
        inner = y_a - dense(*self.rho, y_res)
        x_b = y_b - dense(*self.sigma, y_a if released else inner)
        return torch.cat([inner - dense(*self.phi, x_b), x_b, y_res], dim=1)


class PlainIKE:
    """The paper's; see `benchmarks.plain.PlainForm`."""

    released = False
    lambda_backward = 5.0

    def __init__(self, training: IKETraining) -> None:
        """Start from the training's weights."""
        self.scale, self.iterations = training.scale, training.iterations
        self.stages = [[Coupling(block) for block in stage] for stage in training.flow.blocks]
        self.u_weights, self.u_biases = copies(training.u.weights), copies(training.u.biases)
        self.pd1, self.pd2 = Judge(training.pd1), Judge(training.pd2)
        flow = [parameter for stage in self.stages for block in stage for parameter in block.parameters()]
        groups = [flow, [*self.u_weights, *self.u_biases], self.pd1.parameters(), self.pd2.parameters()]
        self.optimisers = [torch.optim.Adam(group, lr=2e-4, betas=(0.25, 0.999)) for group in groups]

    def step(self, inputs: dict[str, Tensor], iteration: int) -> list[Tensor]:
        """Flow, PD1, flow and U, PD2."""
        flow_adam, u_adam, pd1_adam, pd2_adam = self.optimisers
        for adam in (flow_adam, u_adam, pd1_adam):
            adam.param_groups[0]["lr"] = 2e-4 * 0.1 ** (iteration // 750)
        x = inputs["crop"].transpose(0, 1)  # (3, 1, c, c)
        x_down = self._resized(x, 1 / self.scale)
        x_up = self._resized(x, self.scale)
        residual = x - self._resized(x_down, self.scale)

        flow_adam.zero_grad()
        llr = self._encode(residual)[:, :1] + x_down
        encoding = self._forward_loss(llr, x_down, inputs["crop"], iteration)
        encoding.backward()
        flow_adam.step()

        pd1_adam.zero_grad()
        fake = (self._encode(residual)[:, :1] + x_down).transpose(0, 1)
        pd1_loss = self._pd1_loss(inputs["real"], (fake + inputs["fake_noise"]).detach())
        pd1_loss.backward()
        pd1_adam.step()

        z = self._encode(residual)[:, 1:].detach()
        flow_adam.zero_grad()
        u_adam.zero_grad()
        decoding = self._backward_loss(self._super_resolve(z, residual, x_up), x_up)
        decoding.backward()
        u_adam.step()
        flow_adam.step()

        pd2_adam.zero_grad()
        sr = self._super_resolve(z, residual, x_up).detach().transpose(0, 1)  # (1, 3, s c, s c)
        pd2_loss = self._pd2_loss(inputs["crop"], sr)
        pd2_loss.backward()
        pd2_adam.step()
        return [loss.detach() for loss in (encoding, pd1_loss, decoding, pd2_loss)]

    def _resized(self, x: Tensor, scale: float) -> Tensor:
        return resized(x, scale)

    def _forward_loss(self, llr: Tensor, x_down: Tensor, crop: Tensor, iteration: int) -> Tensor:
        """Equation (6); the energy loss as local means, 9x9, one after the other."""
        gan = (self.pd1(llr.transpose(0, 1)) - 1).abs().mean()
        window = llr.new_full((1, 1, 9, 9), 1 / 81)
        energy = (F.conv2d(llr, window) - F.conv2d(x_down, window)).abs().mean()
        return gan + (4 - 3 * iteration / max(self.iterations - 1, 1)) * energy

    def _backward_loss(self, sr: Tensor, x_up: Tensor) -> Tensor:
        """Equation (7)."""
        gan = (self.pd2(sr.transpose(0, 1)) - 1).abs().mean()
        mask = self._mask(x_up)
        interpolation = (mask * sr - mask * x_up).abs().mean()
        return self.lambda_backward * gan + self._total_variation(sr) + 5 * interpolation

    def _pd1_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        real_scores, fake_scores = self.pd1(real), self.pd1(fake)
        return 0.5 * ((real_scores - 1).abs().mean() + fake_scores.abs().mean())

    def _pd2_loss(self, crop: Tensor, sr: Tensor) -> Tensor:
        """Judge SR in pieces of the crop's size."""
        real_loss = (self.pd2(crop) - 1).abs().mean()
        side = crop.shape[-1]
        fake_losses = [
            self.pd2(sr[..., row : row + side, column : column + side]).abs().mean()
            for row in range(0, self.scale * side, side)
            for column in range(0, self.scale * side, side)
        ]
        return 0.5 * (real_loss + torch.stack(fake_losses).mean())

    def _total_variation(self, sr: Tensor) -> Tensor:
        along_x, along_y = sr.diff(dim=-1)[..., :-1, :], sr.diff(dim=-2)[..., :-1]
        return (along_x.square() + along_y.square() + 1e-8).sqrt().mean()

    def _mask(self, x_up: Tensor) -> Tensor:
        return 1 - sobel((x_up + 1) / 2).clamp(0, 1)

    def _encode(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = torch.cat([x[..., row::2, column::2] for row in (0, 1) for column in (0, 1)], dim=1)
            for coupling in stage:
                x = coupling.forward(x)
        return x

    def _super_resolve(self, z: Tensor, residual: Tensor, x_up: Tensor) -> Tensor:
        """Enlarge Z, refine it with U, decode."""
        maps = [self._resized(z[:, index], self.scale) for index in range(z.shape[1])]  # (3, c, c) each
        z_large = conv_stack(self.u_weights, self.u_biases, torch.cat(maps)[None])
        y = torch.cat([residual, *(part.transpose(0, 1) for part in z_large.split(3, dim=1))], dim=1)
        for stage in reversed(self.stages):
            for coupling in reversed(stage):
                y = coupling.reverse(y, released=self.released)
            rows = [torch.stack(y.chunk(4, dim=1)[2 * row : 2 * row + 2], dim=-1).flatten(-2) for row in (0, 1)]
            y = torch.stack(rows, dim=-2).flatten(-3, -2)
        return y + x_up


class PlainRelease(PlainIKE):
    """The release's."""

    released = True
    lambda_backward = 2.0

    def __init__(self, training: ReleaseTraining) -> None:
        """Start from the training's weights and schedule."""
        super().__init__(training)
        self.channel_sum = training.channel_sum
        bicubic = training.bicubic_loss
        self.schedule = BicubicSchedule(1.0, float(bicubic.weight), int(bicubic.in_a_row), bool(bicubic.similar))

    def _resized(self, x: Tensor, scale: float) -> Tensor:
        images = x if x.ndim == 4 else x[:, None]
        return F.interpolate(images, scale_factor=scale, mode="bicubic", align_corners=True).view(
            *x.shape[:-2], round(x.shape[-2] * scale), -1
        )

    def _forward_loss(self, llr: Tensor, x_down: Tensor, crop: Tensor, iteration: int) -> Tensor:
        image = llr.transpose(0, 1)
        bicubic = F.mse_loss(image, bicubic_target(crop, llr.shape[-1], self.scale, channel_sum=self.channel_sum))
        loss = (self.pd1(image) - 1).abs().mean() + self.schedule.weight * bicubic
        self.schedule.follow(iteration, float(bicubic.detach()))
        return loss

    def _total_variation(self, sr: Tensor) -> Tensor:
        return 2 * (sr.diff(dim=-1).square().mean() + sr.diff(dim=-2).square().mean())

    def _mask(self, x_up: Tensor) -> Tensor:
        levels = ((x_up[:, 0].numpy() + 1) / 2 * 255).round().clip(0, 255).sum(axis=0)  # (h, w)
        magnitude = np.hypot(ndimage.sobel(levels, 0), ndimage.sobel(levels, 1))
        stretched = (magnitude - magnitude.min()) / (magnitude.max() - magnitude.min())
        return torch.from_numpy(1 - stretched).to(x_up)
