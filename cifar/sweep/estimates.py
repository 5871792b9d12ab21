"""How long a study takes: from training steps timed now, with what is measured between them, on so many workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from cifar.study.presets import Study
from cifar.sweep.plan import Unit, plan, trained_images
from cifar.sweep.workers import Workers

FORWARD = 1 / 3  # of the operations of training on an image
PER_EXAMPLE = 3.0  # a gradient of one example alone costs so many training images
ALONG = 2.0  # a product with the Hessian
LEAST = 0.5  # seconds to time each batch size
STEPS = 4  # of one timed call on a processor

Speed = Callable[[Study, int], float]  # images a second of one worker, by batch size


def seconds_of(study: Study, workers: Workers, speed: Speed | None = None) -> float:
    """Seconds that a study takes.

    Parameters
    ----------
    study
        Its options must be such that it can run.
    workers
        That share it; several on one GPU are counted as one.
    speed
        In place of steps timed now, one batch size after the other.
    """
    images: Counter[int] = Counter()
    for unit in plan(study.runs("")):
        trained = trained_images(unit, study.train_images or 50_000)
        images[unit.recipe.batch_size] += round(trained + measured_images(unit, study))
    count = workers.workers or 1
    if workers.devices != ("cpu",):
        count = min(count, len(set(workers.devices)))
    timed = speed or (lambda study, size: _speed(study, size, workers))
    return sum(number / timed(study, size) for size, number in images.items()) / count


def measured_images(unit: Unit, study: Study) -> float:
    """What is measured at the end of a unit, in images trained on."""
    measuring = study.measuring
    train = min(measuring.statistics or study.train_images or 50_000, study.train_images or 50_000)
    test = study.test_images or 10_000
    passes = 2 if any(part.deficit != "none" for part in unit.stages) else 1
    forward = passes * (2 * train + test)  # batch statistics, then an evaluation
    return (
        FORWARD * forward
        + PER_EXAMPLE * 2 * measuring.fisher
        + ALONG * measuring.lanczos_steps * measuring.hessian
        + 2 * measuring.chains * measuring.draws * measuring.learning_coefficient
    )


def _speed(study: Study, batch_size: int, workers: Workers) -> float:
    """Images a second of one worker, timed now with the threads that it would have."""
    import torch

    from cifar.training.benchmark import Switches, training_speed

    device = torch.device(workers.devices[0])
    on_gpu, threads = device.type == "cuda", torch.get_num_threads()
    switches = Switches(low_precision=study.recipe.precision == "bfloat16", graph=on_gpu, compiled=workers.compiled)
    steps = 20 if on_gpu else max(1, STEPS * 32 // batch_size)
    torch.set_num_threads(workers.threads_each)
    try:
        speed, _ = training_speed(
            study.recipe.network, batch_size, device, switches, width=study.recipe.width, depth=study.recipe.depth,
            steps=steps, least=LEAST, replicas=workers.replicas,
        )  # fmt: skip
    finally:
        torch.set_num_threads(threads)
    return speed
