"""A set of labelled samples that people change and change back: pictures and clips alike.

:class:`SampleStore` is what pages and teachers need of it; :class:`SampleSet` keeps it in memory.
A state is immutable and undo keeps the states before, which share their samples. A store that
lives in a database can stand behind the same interface.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

from core.datasets.labels import clean_label
from core.datasets.sample import (
    FLAC,
    SPECTROGRAM,
    MetaValue,
    NewSample,
    Quota,
    Sample,
    SampleSnapshot,
    guess_media_type,
)
from core.errors import UsageError

__all__ = [
    "FLAC",
    "SPECTROGRAM",
    "MetaValue",
    "NewSample",
    "Quota",
    "Sample",
    "SampleSet",
    "SampleSnapshot",
    "SampleStore",
]

_UNDO_STEPS = 50
_MAX_NAME_LENGTH = 200
_MAX_META = 16


class SampleStore(Protocol):
    """What pages and teachers need of a set of samples. Any thread may call any method."""

    @property
    def quota(self) -> Quota:
        """How much the set may hold."""

    @property
    def version(self) -> int:
        """A number that grows with every change, undo and redo included."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order in which they are shown and taught."""

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""

    @property
    def can_redo(self) -> bool:
        """Whether a change was taken back."""

    def snapshot(self) -> SampleSnapshot:
        """Return the set as it is now."""

    def samples(self, label: str | None = None) -> tuple[Sample, ...]:
        """Return the samples, of one class or all."""

    def get(self, sample_id: str) -> Sample:
        """Return a sample by its id."""

    def counts(self) -> dict[str, int]:
        """Return the number of samples of every class."""

    def add_class(self, name: str) -> str:
        """Add an empty class; return its name as it is kept."""

    def rename_class(self, name: str, new_name: str) -> str:
        """Give a class another name; return it as it is kept."""

    def remove_class(self, name: str) -> None:
        """Remove a class with its samples."""

    def move_class(self, name: str, position: int) -> None:
        """Put a class at another place, counted from 0."""

    def add(
        self,
        label: str,
        content: bytes,
        *,
        name: str = "",
        media_type: str = "",
        meta: Mapping[str, MetaValue] | None = None,
    ) -> Sample:
        """Add one sample; its class is made if it is new."""

    def add_many(self, samples: Iterable[NewSample]) -> tuple[Sample, ...]:
        """Add samples as one change: all of them or, if one cannot be, none."""

    def remove(self, sample_ids: Collection[str]) -> None:
        """Remove samples."""

    def move(self, sample_ids: Collection[str], label: str) -> None:
        """Give samples another class, which is made if it is new."""

    def clear(self) -> None:
        """Forget everything, the changes that could be undone too."""

    def undo(self) -> bool:
        """Take the last change back; return whether there was one."""

    def redo(self) -> bool:
        """Make the last change that was taken back again; return whether there was one."""


@dataclass(frozen=True)
class _State:
    classes: tuple[str, ...] = ()
    samples: Mapping[str, Sample] = field(default_factory=dict)


class SampleSet:
    """A set of samples in memory, with many levels of undo. Any thread may call any method.

    Parameters
    ----------
    quota : Quota, optional

    Examples
    --------
    >>> samples = SampleSet()
    >>> sample = samples.add("cat", b"...", name="cat.png", media_type="image/png")
    >>> samples.counts()
    {'cat': 1}
    >>> samples.undo(), samples.counts()
    (True, {})
    """

    def __init__(self, quota: Quota | None = None) -> None:
        self._quota = quota or Quota()
        self._lock = threading.RLock()
        self._state = _State()
        self._before: list[_State] = []
        self._after: list[_State] = []
        self._version = 0

    # Looking.

    @property
    def quota(self) -> Quota:
        """How much the set may hold."""
        return self._quota

    @property
    def version(self) -> int:
        """A number that grows with every change, undo and redo included."""
        return self._version

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order in which they are shown and taught."""
        return self._state.classes

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether a change was taken back."""
        return bool(self._after)

    @property
    def total_bytes(self) -> int:
        """Size of all samples, without those that only undo remembers."""
        return _bytes_of(self._state)

    def snapshot(self) -> SampleSnapshot:
        """Return the set as it is now."""
        with self._lock:
            state, version = self._state, self._version
        return SampleSnapshot(state.classes, tuple(state.samples.values()), version)

    def samples(self, label: str | None = None) -> tuple[Sample, ...]:
        """Return the samples, of one class or all."""
        snapshot = self.snapshot()
        return snapshot.samples if label is None else snapshot.of(label)

    def get(self, sample_id: str) -> Sample:
        """Return a sample by its id.

        Raises
        ------
        UsageError
            If it is not in the set (any more).
        """
        sample = self._state.samples.get(sample_id)
        if sample is None:
            raise UsageError("samples.gone")
        return sample

    def counts(self) -> dict[str, int]:
        """Return the number of samples of every class."""
        return self.snapshot().counts()

    # Changing: each a step that can be undone.

    def add_class(self, name: str) -> str:
        """Add an empty class; return its name as it is kept.

        Raises
        ------
        UsageError
            If the name is empty, too long or taken, or there are too many classes.
        """
        label = clean_label(name)
        with self._lock:
            self._require_new(label)
            self._change(_State(self._with_class(label), self._state.samples))
        return label

    def rename_class(self, name: str, new_name: str) -> str:
        """Give a class another name; return it as it is kept.

        Raises
        ------
        UsageError
            If there is no such class, or the new name is empty, too long or taken.
        """
        label = clean_label(new_name)
        with self._lock:
            self._require_class(name)
            if label == name:
                return label
            self._require_new(label)
            classes = tuple(label if old == name else old for old in self._state.classes)
            samples = {
                key: replace(sample, label=label) if sample.label == name else sample
                for key, sample in self._state.samples.items()
            }
            self._change(_State(classes, samples))
        return label

    def remove_class(self, name: str) -> None:
        """Remove a class with its samples.

        Raises
        ------
        UsageError
            If there is no such class.
        """
        with self._lock:
            self._require_class(name)
            self._change(
                _State(
                    tuple(label for label in self._state.classes if label != name),
                    {k: s for k, s in self._state.samples.items() if s.label != name},
                )
            )

    def move_class(self, name: str, position: int) -> None:
        """Put a class at another place, counted from 0; beyond the last is the last.

        Raises
        ------
        UsageError
            If there is no such class.
        """
        with self._lock:
            self._require_class(name)
            classes = [label for label in self._state.classes if label != name]
            classes.insert(max(0, min(position, len(classes))), name)
            if tuple(classes) != self._state.classes:
                self._change(_State(tuple(classes), self._state.samples))

    def add(
        self,
        label: str,
        content: bytes,
        *,
        name: str = "",
        media_type: str = "",
        meta: Mapping[str, MetaValue] | None = None,
    ) -> Sample:
        """Add one sample; its class is made if it is new.

        Raises
        ------
        UsageError
            As :meth:`add_many` raises.
        """
        return self.add_many([NewSample(label, content, name, media_type, meta or {})])[0]

    def add_many(self, samples: Iterable[NewSample]) -> tuple[Sample, ...]:
        """Add samples as one change: all of them or, if one cannot be, none.

        Parameters
        ----------
        samples : iterable of NewSample
            Their content is taken as it is: decode it before, where it must be of a kind.

        Returns
        -------
        tuple of Sample

        Raises
        ------
        UsageError
            If the quota would be exceeded, a sample is empty, or a class name cannot be used.
        """
        made = [self._made(entry) for entry in samples]
        with self._lock:
            classes = list(self._state.classes)
            for sample in made:
                if sample.label not in classes:
                    classes.append(sample.label)
            self._require_room(made, len(classes))
            if made:
                added = {sample.id: sample for sample in made}
                self._change(_State(tuple(classes), {**self._state.samples, **added}))
        return tuple(made)

    def remove(self, sample_ids: Collection[str]) -> None:
        """Remove samples; those that are gone already are no error."""
        with self._lock:
            gone = set(sample_ids) & set(self._state.samples)
            if gone:
                kept = {k: s for k, s in self._state.samples.items() if k not in gone}
                self._change(_State(self._state.classes, kept))

    def move(self, sample_ids: Collection[str], label: str) -> None:
        """Give samples another class, which is made if it is new.

        Raises
        ------
        UsageError
            If the class name cannot be used.
        """
        label = clean_label(label)
        with self._lock:
            moved = set(sample_ids) & {
                key for key, sample in self._state.samples.items() if sample.label != label
            }
            if moved:
                classes = self._state.classes
                if label not in classes:
                    classes = self._with_class(label)
                samples = {
                    key: replace(sample, label=label) if key in moved else sample
                    for key, sample in self._state.samples.items()
                }
                self._change(_State(classes, samples))

    def replace_all(self, classes: Sequence[str], samples: Iterable[NewSample]) -> None:
        """Put other classes and samples in the place of all there are, as one change.

        Raises
        ------
        UsageError
            As :meth:`add_many` raises; then nothing has changed.
        """
        labels = tuple(dict.fromkeys(clean_label(name) for name in classes))
        made = [self._made(entry) for entry in samples]
        labels = tuple(dict.fromkeys([*labels, *(sample.label for sample in made)]))
        with self._lock:
            self._require_room(made, len(labels), instead=True)
            self._change(_State(labels, {sample.id: sample for sample in made}))

    def clear(self) -> None:
        """Forget everything, the changes that could be undone too."""
        with self._lock:
            self._state, self._before, self._after = _State(), [], []
            self._version += 1

    def undo(self) -> bool:
        """Take the last change back; return whether there was one."""
        return self._step(self._before, self._after)

    def redo(self) -> bool:
        """Make the last change that was taken back again; return whether there was one."""
        return self._step(self._after, self._before)

    # Called with the lock held.

    def _step(self, source: list[_State], target: list[_State]) -> bool:
        with self._lock:
            if not source:
                return False
            target.append(self._state)
            self._state = source.pop()
            self._version += 1
            return True

    def _change(self, state: _State) -> None:
        self._before.append(self._state)
        self._after.clear()
        self._state = state
        self._version += 1
        del self._before[:-_UNDO_STEPS]
        # Undo remembers what was removed: no more of it than the set itself may hold.
        while self._before and self._remembered_bytes() > self._quota.bytes:
            del self._before[0]

    def _remembered_bytes(self) -> int:
        current = self._state.samples
        removed = {
            key: len(sample.content)
            for state in self._before
            for key, sample in state.samples.items()
            if key not in current
        }
        return sum(removed.values())

    def _with_class(self, label: str) -> tuple[str, ...]:
        if len(self._state.classes) >= self._quota.classes:
            raise UsageError("samples.many_classes", limit=self._quota.classes)
        return (*self._state.classes, label)

    def _require_new(self, label: str) -> None:
        if label in self._state.classes:
            raise UsageError("samples.label_taken", label=label)

    def _require_class(self, name: str) -> None:
        if name not in self._state.classes:
            raise UsageError("samples.no_class", label=str(name)[:60])

    def _require_room(self, made: list[Sample], classes: int, *, instead: bool = False) -> None:
        quota = self._quota
        if classes > quota.classes:
            raise UsageError("samples.many_classes", limit=quota.classes)
        state = _State() if instead else self._state
        count = len(state.samples) + len(made)
        if count > quota.samples:
            raise UsageError("samples.many", count=count, limit=quota.samples)
        size = _bytes_of(state) + sum(len(sample.content) for sample in made)
        if size > quota.bytes:
            raise UsageError("samples.large", megabytes=size / 1e6, limit=quota.bytes / 1e6)

    def _made(self, entry: NewSample) -> Sample:
        name = "".join(c if c.isprintable() else "?" for c in entry.name)[-_MAX_NAME_LENGTH:]
        if not entry.content:
            raise UsageError("samples.empty", name=name)
        if len(entry.content) > self._quota.sample_bytes:
            raise UsageError(
                "samples.sample_large",
                name=name,
                megabytes=len(entry.content) / 1e6,
                limit=self._quota.sample_bytes / 1e6,
            )
        content = bytes(entry.content)
        return Sample(
            id=uuid.uuid4().hex,
            label=clean_label(entry.label),
            content=content,
            name=name,
            digest=hashlib.sha256(content).hexdigest(),
            media_type=entry.media_type or guess_media_type(content),
            meta=MappingProxyType(dict(list(entry.meta.items())[:_MAX_META])),
        )


def _bytes_of(state: _State) -> int:
    return sum(len(sample.content) for sample in state.samples.values())
