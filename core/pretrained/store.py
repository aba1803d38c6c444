"""The store of pretrained models: what there is, in what state, and ready to use on request.

Sessions share one store. Any thread may call any method: looking (:meth:`ModelStore.entries`,
:meth:`ModelStore.default_id`, :meth:`ModelStore.load_or_default`) never waits for the net, and
:meth:`ModelStore.load` holds one lock a model, so that threads that ask for the same model
convert it once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from core.errors import DownloadError, ModelError, Note, TeachdeckError
from core.inference.network import Network
from core.pretrained.backbone import Backbone, TruncatedBackbone
from core.pretrained.catalog import CatalogEntry, load_catalog
from core.pretrained.convert import Conversion, ConversionCache, Converted, build_network, convert
from core.pretrained.download import Opener, Progress
from core.pretrained.plans import Plan, Planner, published_weights, unreadable
from core.pretrained.sources import Located, Sources, package_missing
from core.pretrained.status import ModelStatus
from core.pretrained.truncate import EMBEDDING
from core.pretrained.user_models import (
    Signature,
    UserModel,
    find_user_models,
    names_words,
    signature,
)

__all__ = ["DEFAULT_MODEL", "ModelStatus", "ModelStore"]

DEFAULT_MODEL = "efficientnet-lite0"
"""The model that is installed with Teachdeck."""

# After a failed download a model counts as not reachable for so long.
_FAILURE_KEPT_S = 300.0
# Cut networks kept ready: as many as a page compares; each takes up to 15 MB.
_KEPT_TRUNCATED = 4


class ModelStore:
    """All pretrained models of this machine.

    Parameters
    ----------
    home : pathlib.Path
        For downloads and converted models. Where it cannot be written, models are converted in
        memory at every start, and :attr:`notes` says so.
    user_folders : sequence of pathlib.Path
        First wins.
    catalog : mapping of str to CatalogEntry, optional
        By default :func:`core.pretrained.catalog.load_catalog`'s.
    opener : callable, optional
        Opens HTTP requests, for tests and special networks.
    """

    def __init__(
        self,
        home: Path,
        user_folders: Sequence[Path],
        *,
        catalog: Mapping[str, CatalogEntry] | None = None,
        opener: Opener | None = None,
    ) -> None:
        self._catalog = load_catalog() if catalog is None else catalog
        self._user_folders = tuple(user_folders)
        self._sources = Sources(home / "models" / "downloads", user_folders, opener=opener)
        self._cache = ConversionCache(home / "models" / "converted")
        self._lock = threading.Lock()
        self._model_locks: dict[str, threading.Lock] = {}
        self._loaded: dict[str, tuple[Signature, Backbone]] = {}
        self._truncated: dict[tuple[str, str, bool], tuple[Signature, TruncatedBackbone]] = {}
        self._failures: dict[str, tuple[float, TeachdeckError]] = {}
        self._planner = Planner()
        self._notes: dict[str, Note] = {}

    @property
    def notes(self) -> tuple[Note, ...]:
        """What did not fail but should be known, such as a home that cannot be written."""
        return tuple(self._notes.values())

    def entries(self) -> tuple[ModelStatus, ...]:
        """Return the state of every model: users' own first, then the catalogue's.

        Returns
        -------
        tuple of ModelStatus
            A user's file that cannot be used is listed with the reason.
        """
        users = [self._user_status(model) for model in self._user_models()]
        return (*users, *(self._catalog_status(entry) for entry in self._catalog.values()))

    def default_id(self) -> str:
        """Return the model to begin with: a MobileNet when one is on disk, else Lite0."""
        best = DEFAULT_MODEL
        best_accuracy = -1.0
        for status in self.entries():
            if status.family.startswith("MobileNet") and status.state in ("ready", "on_disk"):
                if status.model_id not in self._catalog:
                    return status.model_id
                if (status.accuracy_top1 or 0.0) > best_accuracy:
                    best, best_accuracy = status.model_id, status.accuracy_top1 or 0.0
        return best

    def load(self, model_id: str, *, progress: Progress | None = None) -> Backbone:
        """Return a model ready to run; download and convert it where that is needed.

        Parameters
        ----------
        model_id : str
        progress : callable, optional
            Called with bytes received and expected during a download. What it raises ends the
            download, which is resumed the next time.

        Returns
        -------
        Backbone
            The same object for everybody while the model's files do not change.

        Raises
        ------
        ModelError
            If there is no such model, or its weights cannot be used.
        DownloadError
            If it could not be fetched.
        """
        with self._lock:
            lock = self._model_locks.setdefault(model_id, threading.Lock())
        with lock:
            return self._load(model_id, progress)

    def load_truncated(
        self, model_id: str, layer: str = EMBEDDING, *, pooled: bool = True
    ) -> TruncatedBackbone:
        """Return a model cut at a layer, to teach new classes on; downloaded where needed.

        Parameters
        ----------
        model_id : str
        layer : str, optional
            Name of a layer, such as ``"conv_pw_13_relu"``. Defaults to the pooled features
            before the classifier.
        pooled : bool, optional
            Whether to take the mean over height and width.

        Returns
        -------
        TruncatedBackbone
            The same object for everybody while it is in use and the model's files do not change.

        Raises
        ------
        ModelError
            If there is no such model or layer, or its weights cannot be used.
        DownloadError
            If it could not be fetched.
        """
        pooled = pooled or layer == EMBEDDING
        with self._lock:
            lock = self._model_locks.setdefault(model_id, threading.Lock())
        with lock:
            return self._load_truncated(model_id, layer, pooled)

    def network(self, model_id: str) -> Network:
        """Return a model as plain data, layers with their weights; read anew at each call.

        Raises
        ------
        ModelError, DownloadError
            As :meth:`load` raises.
        """
        plan = self._plan(model_id, None)
        return build_network(plan.conversion, plan.read())

    def load_or_default(self, model_id: str) -> tuple[Backbone, TeachdeckError | None]:
        """Return a model that is on this machine, or the one that serves instead.

        Never waits for the net: what has to be downloaded is fetched by :meth:`load`.

        Parameters
        ----------
        model_id : str

        Returns
        -------
        Backbone
        TeachdeckError or None
            Why the model itself could not be had.

        Raises
        ------
        TeachdeckError
            If no model at all can be loaded.
        """
        try:
            self._require_on_disk(model_id)
            return self.load(model_id), None
        except TeachdeckError as error:
            failed = error
        instead = [self.default_id(), DEFAULT_MODEL, *(s.model_id for s in self.entries())]
        for candidate in dict.fromkeys(instead):
            if candidate == model_id:
                continue
            try:
                self._require_on_disk(candidate)
                return self.load(candidate), failed
            except TeachdeckError:
                # The first failure is the one that was asked about.
                continue
        raise failed

    def _require_on_disk(self, model_id: str) -> None:
        entry = self._catalog.get(model_id)
        if entry is None or self._sources.locate(entry) is not None:
            return
        recent = self._recent_failure(model_id)
        if recent is not None:
            raise recent
        if entry.download is None:
            raise package_missing(entry)
        raise DownloadError(
            "pretrained.not_downloaded",
            title=entry.title,
            size_mb=entry.download.size_bytes / 1e6,
        )

    # Looking: what there is.

    def _user_models(self) -> tuple[UserModel, ...]:
        official = {entry.file_name for entry in self._catalog.values()}
        found = find_user_models(self._user_folders, not_named=official)
        return tuple(model for model in found if not names_words(model.path))

    def _user_status(self, model: UserModel) -> ModelStatus:
        try:
            plan = self._planner.for_user(model)
            size_bytes = sum(size for _name, size, _time in signature(model.path))
        except (ModelError, OSError) as error:
            problem = unreadable(model.path, error) if isinstance(error, OSError) else error
            return ModelStatus(
                model_id=model.model_id,
                title=model.title,
                family="",
                state="unusable",
                download_bytes=0,
                accuracy_top1=None,
                parameters=0,
                size_bytes=0,
                input_size_px=0,
                licence="",
                source="user",
                detail=Note(problem.code, problem.fields),
            )
        return ModelStatus(
            model_id=model.model_id,
            title=model.title,
            family=plan.conversion.architecture.family,
            state=self._state_on_disk(plan),
            download_bytes=0,
            accuracy_top1=None,
            parameters=plan.parameters,
            size_bytes=size_bytes,
            input_size_px=plan.conversion.preprocessing.input_size_px,
            licence=plan.licence,
            source="user",
        )

    def _catalog_status(self, entry: CatalogEntry) -> ModelStatus:
        located = self._sources.locate(entry)
        file = entry.package or entry.download
        published_bytes = file.size_bytes if file else 0
        detail = None
        if located is not None:
            try:
                state = self._state_on_disk(self._planner.for_entry(entry, located))
                size_bytes = located.path.stat().st_size
            except (ModelError, OSError) as error:
                problem = unreadable(located.path, error) if isinstance(error, OSError) else error
                state, size_bytes = "unusable", 0
                detail = Note(problem.code, problem.fields)
        else:
            failure = self._recent_failure(entry.model_id)
            if failure is None and entry.download is None:
                failure = package_missing(entry)
            state, size_bytes = "unreachable" if failure else "download", published_bytes
            if failure is not None:
                detail = Note(failure.code, failure.fields)
            elif entry.digest is None:
                detail = Note("pretrained.note_first_use")
        return ModelStatus(
            model_id=entry.model_id,
            title=entry.title,
            family=entry.family,
            state=state,
            download_bytes=0 if located else published_bytes,
            accuracy_top1=entry.accuracy_top1,
            parameters=entry.parameters,
            size_bytes=size_bytes,
            input_size_px=entry.preprocessing.input_size_px,
            licence=entry.licence,
            source=located.source if located else "download",
            detail=detail,
        )

    def _state_on_disk(self, plan: Plan) -> str:
        ready = plan.model_id in self._loaded or self._cache.holds(plan.conversion)
        return "ready" if ready else "on_disk"

    def _recent_failure(self, model_id: str) -> TeachdeckError | None:
        failed_at, error = self._failures.get(model_id, (0.0, None))
        return error if error and time.monotonic() - failed_at < _FAILURE_KEPT_S else None

    # Loading: from a file to a backbone.

    def _load(self, model_id: str, progress: Progress | None) -> Backbone:
        try:
            plan = self._plan(model_id, progress)
            changed = signature(plan.path)
            known = self._loaded.get(model_id)
            if known is not None and known[0] == changed:
                return known[1]
            backbone = self._backbone(plan)
        except OSError as error:
            raise ModelError(
                "pretrained.file_unreadable", name=model_id, detail=error.strerror or ""
            ) from error
        self._loaded[model_id] = (changed, backbone)
        return backbone

    def _plan(self, model_id: str, progress: Progress | None) -> Plan:
        entry = self._catalog.get(model_id)
        if entry is None:
            for model in self._user_models():
                if model.model_id == model_id:
                    return self._planner.for_user(model)
            raise ModelError("pretrained.unknown_model", name=model_id[:80])
        located = self._sources.locate(entry)
        if located is not None and model_id not in self._loaded:
            try:
                self._sources.check(entry, located)
            except ModelError:
                if located.source != "cache":
                    raise
                # The changed download is gone by now; it is fetched again.
                located = None
        if located is None:
            located = self._fetch(entry, progress)
        return self._planner.for_entry(entry, located)

    def _fetch(self, entry: CatalogEntry, progress: Progress | None) -> Located:
        def check(path: Path) -> None:
            published_weights(entry, path)

        try:
            located = self._sources.fetch(entry, check=check, progress=progress)
        except TeachdeckError as error:
            self._failures[entry.model_id] = (time.monotonic(), error)
            raise
        self._failures.pop(entry.model_id, None)
        return located

    def _load_truncated(self, model_id: str, layer: str, pooled: bool) -> TruncatedBackbone:
        if layer == EMBEDDING:
            return self._embedding(model_id)
        key = (model_id, layer, pooled)
        try:
            plan = self._plan(model_id, None)
            changed = signature(plan.path)
            known = self._truncated.pop(key, None)
            if known is None or known[0] != changed:
                conversion = replace(plan.conversion, layer=layer, pooled=pooled)
                model = self._converted(plan, conversion).model
                known = (
                    changed,
                    TruncatedBackbone(
                        model_id=plan.model_id,
                        title=plan.title,
                        layer=layer,
                        pooled=pooled,
                        preprocessing=conversion.preprocessing,
                        model=model,
                        weights_sha256=conversion.weights_sha256,
                        licence=plan.licence,
                    ),
                )
        except OSError as error:
            raise ModelError(
                "pretrained.file_unreadable", name=model_id, detail=error.strerror or ""
            ) from error
        with self._lock:
            # Last used, last to go.
            self._truncated[key] = known
            while len(self._truncated) > _KEPT_TRUNCATED:
                self._truncated.pop(next(iter(self._truncated)))
        return known[1]

    def _embedding(self, model_id: str) -> TruncatedBackbone:
        """Return the whole network as one that ends at its pooled features.

        It computes them anyway, and a second interpreter for them takes 35 MB.
        """
        whole = self._load(model_id, None)
        key = (model_id, EMBEDDING, True)
        known = self._truncated.get(key)
        if known is None or known[1].model is not whole.model:
            changed, _ = self._loaded[model_id]
            cut = TruncatedBackbone(
                model_id=whole.model_id,
                title=whole.title,
                layer=EMBEDDING,
                pooled=True,
                preprocessing=whole.preprocessing,
                model=whole.model,
                weights_sha256=self._plan(model_id, None).conversion.weights_sha256,
                licence=whole.licence,
                outputs=("embedding", "feature_map"),
            )
            known = (changed, cut)
            with self._lock:
                self._truncated[key] = known
        return known[1]

    def _converted(self, plan: Plan, conversion: Conversion) -> Converted:
        converted = self._cache.load(conversion)
        if converted is None:
            converted, content = convert(conversion, plan.read())
            if not self._cache.save(conversion, converted, content):
                self._notes["home"] = Note("pretrained.note_home")
        return converted

    def _backbone(self, plan: Plan) -> Backbone:
        converted = self._converted(plan, plan.conversion)
        return Backbone(
            model_id=plan.model_id,
            title=plan.title,
            labels=plan.conversion.labels,
            preprocessing=plan.conversion.preprocessing,
            model=converted.model,
            classifier_kernel=converted.classifier_kernel,
            classifier_bias=converted.classifier_bias,
            size_bytes=converted.model.size_bytes,
            parameters=plan.parameters,
            accuracy_top1=plan.accuracy_top1,
            source=plan.source,
            licence=plan.licence,
        )
