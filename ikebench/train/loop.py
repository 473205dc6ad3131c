"""Training a network on bicubic pairs, for those without downloaded weights: `ikebench train`."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from baselines.edsr_recipe import EDSRBaselineRecipe
from baselines.memory import lacks_memory
from baselines.supervised_training import PairSampler, SupervisedTraining
from ikebench import devices
from ikebench.errors import UserError
from ikebench.progress import Progress
from ikebench.stops import SIGNALS, handled, stop
from ikebench.store.workspace import Workspace
from ikebench.train.images import ImageSet, Pair, find_images, hold_out, read_pairs
from ikebench.train.options import TrainOptions, configured_recipe
from ikebench.train.record import LOG_COLUMNS, Record
from ikebench.train.validation import PROTOCOL, Validation

SMALLEST_VALIDATION = 16  # LR px a side
SHOW_EVERY = 1.0  # seconds between two looks at the loss, each of which waits for the device

Say = Callable[[str], None]


def train(folder: Path, options: TrainOptions, device: torch.device, described: dict[str, Any], say: Say) -> bool:
    """Train a network, or go on with its training, and write its weights into a folder.

    Args:
        folder: the weights folder.
        options: what to train, on what.
        device: where.
        described: provenance, kept beside the weights.
        say: called with each line for the user.

    Returns:
        Whether every image could be used.

    Raises:
        UserError: for wrong options, no usable image, or another training's files in the way.
        KeyboardInterrupt: after Ctrl-C, once the state is saved.
    """
    devices.select(device)
    recipe = configured_recipe(options)
    images, validation_images = _find(options, say)
    settings = _settings(options, recipe, images, validation_images)
    record = Record(folder, f"{options.network}_x{options.scale}", settings)
    devices.set_arithmetic(device, options.precision)
    with Workspace(folder).locked():  # the workspace itself stays free during a long training
        if options.restart:
            record.restart()
        state = record.load(device)
        if state is None and not options.restart and record.finished():
            say(f"{record.path('.pt')} has been trained with these settings already")
            return True
        training, validation = _prepared(options, recipe, images, validation_images, device, say)
        if state is not None:
            _resume(training, state, record)
            say(f"going on after iteration {training.iteration}")
        _fit(training, record, validation, options.checkpoint_every)
        record.finish(training.weights(), {"protocol": PROTOCOL} | described)
    say(f"{record.name}: {recipe.iterations} iterations; {last_result(record)} -> {record.path('.pt')}")
    return not (images.refused or validation_images.refused)


def _find(options: TrainOptions, say: Say) -> tuple[ImageSet, ImageSet]:
    """List the images to train on and those to validate with; no image is both."""
    images = find_images("--hr", options.hr)
    if options.validate is None:
        say("no --validate FOLDER: the log will have no PSNR")
        return images, ImageSet()
    validation = find_images("--validate", options.validate)
    for image in hold_out(images, validation):
        say(f"{image} is among the --validate images: not trained on")
    if not images.files:
        raise UserError(f"--hr {options.hr}: no image is left to train on")
    return images, validation


def _settings(
    options: TrainOptions, recipe: EDSRBaselineRecipe, images: ImageSet, validation: ImageSet
) -> dict[str, Any]:
    """Name what decides the weights and what the log means, as JSON gives it back."""
    settings = {"network": options.network, "version": recipe.version, "scale": options.scale, "seed": options.seed}
    settings |= asdict(recipe) | {"precision": options.precision}
    settings |= {"images": images.sha256, "validation_images": validation.sha256}
    return json.loads(json.dumps(settings))


def _prepared(
    options: TrainOptions,
    recipe: EDSRBaselineRecipe,
    images: ImageSet,
    validation_images: ImageSet,
    device: torch.device,
    say: Say,
) -> tuple[SupervisedTraining, Validation]:
    """Read the images; gives the training, new, and what measures it."""
    pairs = _read("--hr", images, options.scale, recipe.patch, say)
    held_out = _read("--validate", validation_images, options.scale, SMALLEST_VALIDATION, say)
    sampler = PairSampler(pairs, recipe.patch, options.scale, device)  # has its own copy
    training = SupervisedTraining(recipe, sampler, options.seed, options.precision)
    return training, Validation(held_out, options.scale, recipe.halo, device)


def _read(option: str, images: ImageSet, scale: int, smallest: int, say: Say) -> list[Pair]:
    """Read the images, tell what is refused, and insist that something is left of what there was."""
    given = len(images.files)
    with Progress(given, given, f"{option} images") as progress:
        pairs = read_pairs(images, scale, smallest, progress.advance)
    if images.others:
        say(images.others)
    for image, reason in images.refused.items():
        say(f"refused {image}: {reason}")
    if given and not pairs:
        raise UserError(f"{option}: no image that can be used")
    return pairs


def _resume(training: SupervisedTraining, state: dict[str, Any], record: Record) -> None:
    try:
        training.resume(state)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:  # what torch raises for another's
        if lacks_memory(error):
            raise
        raise UserError(f"{record.path('.checkpoint')} does not fit the network: --restart trains anew") from error


def _fit(training: SupervisedTraining, record: Record, validation: Validation, every: int) -> None:
    """Train with a progress line."""
    start, total = training.iteration, training.recipe.iterations
    with Progress(total, total - start, "iterations") as progress:

        def show(text: str) -> None:
            progress.finished = training.iteration
            progress.show(training.iteration - start, text)

        try:
            fit(training, record, validation, every, show)
        except FloatingPointError as error:
            raise UserError(f"{error}: lower the learning rate (--set NAME.learning_rate=)") from error


def fit(
    training: SupervisedTraining, record: Record, validation: Validation, every: int, show: Callable[[str], None]
) -> None:
    """Train to the end; every `every` iterations, at the end and on Ctrl-C, save.

    Args:
        training: new, or resumed from the record's checkpoint.
        record: where to save.
        validation: logged when saving, but not on Ctrl-C.
        every: iterations between two saves, counted from 0, so that a resumed training keeps to them.
        show: called now and then with a line on how it goes.

    Raises:
        Stopped: after Ctrl-C or another signal to stop, once the state is saved.
        FloatingPointError: if training diverges.
    """
    total = training.recipe.iterations
    with _stop_deferred() as stopped:
        watch = _watch(training, record, show, lambda: stopped() is not None)
        while training.iteration < total and stopped() is None:
            until = min(training.iteration - training.iteration % every + every, total)
            started = time.perf_counter()
            training.advance(until, watch)
            record.seconds += time.perf_counter() - started
            if training.iteration == until:
                record.log.append(_log_row(training, record, validation))
            record.save(training.state())
        if (number := stopped()) is not None:
            stop(number, None)


def last_result(record: Record) -> str:
    """Tell the last PSNR, where one is measured."""
    if not record.log or record.log[-1]["psnr"] is None:
        return "PSNR not measured"
    last = record.log[-1]
    return f"PSNR {last['psnr']:.2f} dB after {last['iteration']} (bicubic {last['psnr_bicubic']:.2f})"


def _log_row(training: SupervisedTraining, record: Record, validation: Validation) -> dict[str, Any]:
    scores = (validation(training.network), validation.bicubic) if validation.pairs else (None, None)
    return dict(
        zip(LOG_COLUMNS, (training.iteration, training.take_loss(), *scores, round(record.seconds, 1)), strict=True)
    )


def _watch(
    training: SupervisedTraining, record: Record, show: Callable[[str], None], interrupted: Callable[[], bool]
) -> Callable[[], bool]:
    """Give what looks on after every iteration: it shows the loss now and then, and says when to stop."""
    last = time.monotonic()

    def watch() -> bool:
        nonlocal last
        if time.monotonic() - last >= SHOW_EVERY:
            last = time.monotonic()
            show(f"loss {float(training.loss):.2f}, {last_result(record)}")
        return interrupted()

    return watch


@contextmanager
def _stop_deferred() -> Iterator[Callable[[], int | None]]:
    """Hold back the first signal to stop, so that no iteration is cut in two; gives what tells whether it came.

    The second one stops at once.
    """
    came: int | None = None

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if came is not None:
            stop(number, frame)
        came = number

    with handled(note, *SIGNALS):
        yield lambda: came
