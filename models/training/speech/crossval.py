"""Scarce words in five folds by speaker: who is tested was never heard before."""

from __future__ import annotations

import json
from pathlib import Path

from models.training.speech import recipe
from models.training.speech.conditions import held_out_folder
from models.training.speech.corpus import Corpus
from models.training.speech.evaluate import measure_folds
from models.training.speech.export import export
from models.training.speech.labels import TARGETS
from models.training.speech.publish import golden_inputs
from models.training.speech.train import train
from models.training.speech.weights import read_weights

__all__ = ["cross_validate"]


def cross_validate(work: Path, base: Path) -> None:
    """Train a fold's model from the base for each fold, and measure them together.

    Parameters
    ----------
    work : pathlib.Path
        With corpus and banks; the outcome goes into its ``results.json``.
    base : pathlib.Path
        Weights that no speaker of a scarce word has trained.
    """
    corpus = Corpus(work)
    golden = golden_inputs(corpus)
    models, folders = [], []
    for fold, speakers in enumerate(recipe.folds(corpus)):
        run = work / "runs" / f"fold_{fold}"
        weights = run / "average.weights.h5"
        if not (run / "done").exists():
            train(work, run, recipe.fold_plan(base, speakers, fold))
            (run / "done").touch()
        folder = run / "model"
        export(
            folder,
            recipe.NETWORK,
            read_weights(recipe.NETWORK, weights),
            thresholds=dict.fromkeys(TARGETS, 0.9),
            golden=golden,
            facts={},
        )
        models.append(folder)
        folders.append(held_out_folder(work, recipe.held_out(corpus, speakers), str(fold)))
    path = work / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    results["folds"] = measure_folds(models, folders)
    path.write_text(json.dumps(results, indent=1))
    print(results["folds"]["all"])
