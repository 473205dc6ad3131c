"""The trainings that the benchmarks measure, by name."""

from baselines.contract import Precision, Task
from baselines.dualsr import DualSR
from baselines.dualsr_training import DualSRTraining
from baselines.kernelgan import KernelGANZSSR
from baselines.kernelgan_training import KernelGANTraining
from baselines.zeroshot.training import Training
from baselines.zssr import ZSSR
from baselines.zssr_training import ZSSRTraining
from degradations.resample import bicubic_kernel
from ikebench.ike.method import IKE
from ikebench.ike.release import IKERelease

NAMES = ("kernelgan", "zssr", "dualsr", "ike", "ike-release")


FP32_ALONE = ("kernelgan",)


def build(name: str, scale: int, iterations: int, task: Task, precision: Precision) -> Training:
    """Build one image's training; KernelGAN's and DualSR's are of x2 whatever the scale: x4 is made of them."""
    if name == "kernelgan":
        return KernelGANTraining(KernelGANZSSR(iterations=iterations), task)
    if name == "zssr":
        return ZSSRTraining(ZSSR(iterations=iterations), task, scale, bicubic_kernel(scale), precision)
    if name == "dualsr":
        return DualSRTraining(DualSR(iterations=iterations), task, precision)
    ike = {"ike": IKE, "ike-release": IKERelease}[name]
    return ike(iterations=iterations).training(task, scale, precision)
