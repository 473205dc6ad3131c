"""How the images of a set are degraded, and what of that decides an LR image."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from degradations.contract import PRESET, Degradation, Imported, is_imported
from degradations.track2 import Track2
from ikebench.catalog import check_parameters, configured, kind_class
from ikebench.data.sources import DIV2K_TRACK2
from ikebench.errors import UserError
from ikebench.files import check_folder
from ikebench.seeds import lr_seed
from ikebench.settings import Settings
from ikebench.store.rows import DataRow


@dataclass(frozen=True)
class Recipe:
    """How every image of a set is degraded.

    Attributes:
        degradations: kind -> what makes it.
        scales: how many times smaller.
        seed: base of every image's own seed.
    """

    degradations: Mapping[str, Degradation | Imported]
    scales: Sequence[int]
    seed: int = 0

    def cases(self, set_name: str, image: str) -> list[DataRow]:
        """Give a row for each LR image to make of an image: what it is, and what decides it beside the HR."""
        return [
            DataRow(
                set=set_name,
                image=image,
                kind=kind,
                scale=scale,
                seed=lr_seed(self.seed, image, kind, scale),
                preset=_preset(degradation),
                version=degradation.version,
                parameters=_parameters(degradation),
            )
            for kind, degradation in self.degradations.items()
            for scale in self.scales
        ]


def build_recipe(
    kinds: Sequence[str],
    scales: Sequence[int],
    seed: int,
    settings: Settings,
    track2: Path | None,
    paired: Imported | None = None,
) -> Recipe:
    """Configure the degradations; those of files are brought.

    Raises:
        UserError: for unknown parameters, settings of a kind that is not made, or Track 2 without its files.
    """
    stray = next((name for name in settings if name not in kinds), None)
    if stray is not None:
        raise UserError(f"--set {stray}.…: {stray} is not among --kind {','.join(kinds)}")
    degradations: dict[str, Degradation | Imported] = {}
    for kind in kinds:
        cls = kind_class(kind)
        if is_imported(cls):
            check_parameters(cls, kind, settings.get(kind, {}))
            degradations[kind] = _track2(track2) if paired is None or kind == "track2" else paired
        else:
            degradations[kind] = configured(cls, kind, settings.get(kind, {}))
    return Recipe(degradations, scales, seed)


def _track2(folder: Path | None) -> Track2:
    if folder is None:
        raise UserError(
            f"kind track2 needs the official LR files: {DIV2K_TRACK2} beside the HR folder, or --track2-lr DIR"
        )
    check_folder("--track2-lr", folder)
    return Track2(folder)


def _preset(degradation: Degradation | Imported) -> str:
    if is_imported(degradation):
        return ""  # the files say it
    return PRESET if degradation == type(degradation)() else f"{PRESET}, changed"


def _parameters(degradation: Degradation | Imported) -> str:
    """Give every parameter, as JSON."""
    own = {} if is_imported(degradation) else asdict(degradation)  # type: ignore[call-overload]
    return json.dumps(own, sort_keys=True)
