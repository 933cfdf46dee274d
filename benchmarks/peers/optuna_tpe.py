"""Optuna's multivariate TPE on the functions of Proposing/TpePeers.cs: best of 100 trials, and the time of one ask and tell.

Prints one JSON object: {"version", "best": {case: [best of each seed]}, "ask_tell_ms": median at trial 400 with a journal file}.
"""
import json
import math
import os
import statistics
import sys
import tempfile
import time
import warnings

import optuna
from optuna.storages import JournalFileStorage, JournalStorage

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore")

A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P = [[0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
     [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]]
C = [1.0, 1.2, 3.0, 3.2]


def sphere(t):
    return sum(t.suggest_float(f"x{i}", -5, 5) ** 2 for i in range(5))


def rosenbrock(t):
    x, y = t.suggest_float("x", -2, 2), t.suggest_float("y", -1, 3)
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def branin(t):
    x, y = t.suggest_float("x", -5, 10), t.suggest_float("y", 0, 15)
    return (y - 5.1 / (4 * math.pi ** 2) * x * x + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(t):
    x = [t.suggest_float(f"x{i}", 0, 1) for i in range(6)]
    return -sum(c * math.exp(-sum(a[j] * (x[j] - p[j]) ** 2 for j in range(6))) for c, a, p in zip(C, A, P))


def conditional(t):
    depth = t.suggest_int("depth", 1, 8)
    lr = t.suggest_float("lr", 1e-5, 1.0, log=True)
    loss = (math.log10(lr) + 2.5) ** 2 + 0.1 * (depth - 5) ** 2
    if t.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
        loss += 0.5 + 5 * (t.suggest_float("momentum", 0, 0.99) - 0.9) ** 2
    else:
        loss += 10 * (t.suggest_float("beta", 0.5, 0.999) - 0.95) ** 2
        loss += 0.0 if t.suggest_categorical("amsgrad", [False, True]) else 0.2
    return loss


CASES = {"sphere5": sphere, "rosenbrock2": rosenbrock, "branin": branin, "hartmann6": hartmann6, "conditional": conditional}


def best(function, seed, trials):
    sampler = optuna.samplers.TPESampler(multivariate=True, group=function is conditional, seed=seed)
    study = optuna.create_study(sampler=sampler)
    study.optimize(function, n_trials=trials)
    return study.best_value


def ask_tell(trials):
    def objective(t):
        return sum((t.suggest_float(f"p{i}", -5, 5) - 1) ** 2 for i in range(10))

    with tempfile.TemporaryDirectory() as directory:
        storage = JournalStorage(JournalFileStorage(os.path.join(directory, "journal.log")))
        study = optuna.create_study(storage=storage, sampler=optuna.samplers.TPESampler(multivariate=True, seed=1))
        study.optimize(objective, n_trials=trials)
        times = []
        for _ in range(15):
            start = time.perf_counter()
            trial = study.ask()
            study.tell(trial, objective(trial))
            times.append((time.perf_counter() - start) * 1000)
        return statistics.median(times)


if __name__ == "__main__":
    first, count, trials, history = (int(a) for a in sys.argv[1:5])
    print(json.dumps({
        "version": optuna.__version__,
        "best": {name: [best(f, seed, trials) for seed in range(first, first + count)] for name, f in CASES.items()},
        "ask_tell_ms": ask_tell(history) if history else None,
    }))
