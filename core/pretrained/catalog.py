"""The catalogue of pretrained models, read from ``catalog.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.imaging.preprocess import Preprocessing
from core.pretrained.architectures import ARCHITECTURES
from core.pretrained.download import RemoteFile

__all__ = ["CatalogEntry", "PackagedFile", "load_catalog", "parse_catalog"]

_CATALOG = Path(__file__).parent / "catalog.toml"


@dataclass(frozen=True)
class PackagedFile:
    """A file in an installed package.

    Parameters
    ----------
    distribution : str
        Name under which it is installed.
    module : str
        Name under which it is found; it is never imported.
    path : str
        Below the module's folder.
    digest : str
        ``"sha256:<hex>"``.
    size_bytes : int
    """

    distribution: str
    module: str
    path: str
    digest: str
    size_bytes: int


@dataclass(frozen=True)
class CatalogEntry:
    """One pretrained model.

    Parameters
    ----------
    model_id : str
    title : str
    architecture : str
        A key of :data:`core.pretrained.architectures.ARCHITECTURES`.
    alpha : float
        Width multiplier.
    labels : str
        Name of the label set.
    parameters : int
    preprocessing : Preprocessing
    licence : str
    accuracy_top1 : float or None
        Share of ImageNet's validation pictures whose class comes first, 0..1, as published.
    accuracy_source : str
    package : PackagedFile or None
    download : RemoteFile or None
    """

    model_id: str
    title: str
    architecture: str
    alpha: float
    labels: str
    parameters: int
    preprocessing: Preprocessing
    licence: str
    accuracy_top1: float | None
    accuracy_source: str
    package: PackagedFile | None = None
    download: RemoteFile | None = None

    @property
    def family(self) -> str:
        """For people, such as ``"MobileNet V1"``."""
        return ARCHITECTURES[self.architecture].family

    @property
    def file_name(self) -> str:
        """The name that the published file has, wherever it lies."""
        if self.package is not None:
            return self.package.path.rsplit("/", 1)[-1]
        if self.download is None:
            raise ValueError(f"{self.model_id} has no source")
        return urlsplit(self.download.url).path.rsplit("/", 1)[-1]

    @property
    def digest(self) -> str | None:
        """The published digest of that file, if there is one."""
        source = self.package or self.download
        return source.digest if source else None


@cache
def load_catalog() -> Mapping[str, CatalogEntry]:
    """Return the catalogue by model id, in the order of the file."""
    return parse_catalog(_CATALOG.read_text(encoding="utf-8"))


def parse_catalog(text: str) -> dict[str, CatalogEntry]:
    """Return the entries of a catalogue in TOML.

    Raises
    ------
    TypeError, ValueError, KeyError
        If a field is unknown, missing or senseless: the catalogue is a part of the program.
    """
    return {model_id: _entry(model_id, table) for model_id, table in tomllib.loads(text).items()}


def _entry(model_id: str, table: dict[str, Any]) -> CatalogEntry:
    package, download = table.pop("package", None), table.pop("download", None)
    if package is None and download is None:
        raise ValueError(f"{model_id} has neither a package nor an address")
    entry = CatalogEntry(
        model_id=model_id,
        preprocessing=Preprocessing.from_dict(table.pop("preprocessing")),
        package=PackagedFile(**package) if package else None,
        download=RemoteFile(**{"digest": None, **download}) if download else None,
        **table,
    )
    if entry.alpha not in ARCHITECTURES[entry.architecture].alphas:
        raise ValueError(f"{model_id}: {entry.architecture} has no width {entry.alpha}")
    return entry
