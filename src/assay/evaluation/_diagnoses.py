"""What the numbers say about the fit, and what to try in the spec. Every verdict cites the numbers that it rests on."""

from __future__ import annotations

import math

from assay.artifacts import Calibration, Diagnosis, Epoch, MetricValue, TargetInfo
from assay.evaluation._reliability import Ece

RISE = 0.03  # the valid loss has clearly risen again after its best epoch
WIDE = 0.15  # the valid loss lies clearly above that of train
LITTLE_SKILL = 0.05  # hardly better than always predicting the base rates or the mean
SURPRISE = 3.0  # standard errors between two folds that chance does not explain


def fit(epochs: tuple[Epoch, ...], valid: dict[str, MetricValue], target: TargetInfo) -> Diagnosis:
    """Over- or underfitting, from the losses of train and valid over the epochs, and the skill on valid."""
    skill = _skill(valid, target)
    if not epochs:
        numbers = {"skill_valid": skill}
        return _diagnosis(
            "fit", "there are no epochs to compare", numbers, "Nothing; this model is not trained in epochs."
        )
    best, last = min(epochs, key=lambda epoch: epoch.valid_loss), epochs[-1]
    rise = (last.valid_loss - best.valid_loss) / max(abs(best.valid_loss), 1e-12)
    spread = (best.valid_loss - best.train_loss) / max(abs(best.valid_loss), 1e-12)
    numbers = {
        "best_epoch": best.epoch,
        "last_epoch": last.epoch,
        "train_loss_best": best.train_loss,
        "valid_loss_best": best.valid_loss,
        "train_loss_last": last.train_loss,
        "valid_loss_last": last.valid_loss,
        "skill_valid": skill,
    }
    if best is last and len(epochs) > 1:
        verdict = f"stopped while still improving: the last epoch, {last.epoch}, is the best"
        advice = "Raise `training.epochs`, or `training.lr` for larger steps."
    elif skill < LITTLE_SKILL:
        verdict = f"underfitting: only {skill:.1%} better on valid than a constant"
        advice = "Raise `training.lr` or the model's width, lower `training.weight_decay`, or add features."
    elif spread > WIDE:
        verdict = f"overfitting: at the best epoch the valid loss lies {spread:.1%} above that of train"
        advice = "Raise the model's `dropout` or `training.weight_decay`, take a smaller model, or add rows."
    elif rise > RISE and last.train_loss < best.train_loss:
        verdict = f"overfits after epoch {best.epoch}, which is kept: valid loss rose by {rise:.1%} as train loss fell"
        advice = (
            "Lower `training.early_stopping.patience` to save time; raise `dropout` or `weight_decay` to gain from it."
        )
    else:
        verdict = "sound: valid loss follows train loss and has levelled off"
        advice = "Nothing; a wider model or more features may still help."
    return _diagnosis("fit", verdict, numbers, advice)


def generalisation(test: dict[str, MetricValue], valid: dict[str, MetricValue], target: TargetInfo) -> Diagnosis:
    """Whether test is worse than valid by more than chance explains."""
    name = "log_loss" if target.task == "classification" else "rmse"
    gap = test[name].interval.value - valid[name].interval.value
    errors = (_standard_error(test[name]), _standard_error(valid[name]))
    surprise = gap / max(math.hypot(*errors), 1e-12)
    numbers = {f"{name}_test": test[name].interval.value, f"{name}_valid": valid[name].interval.value}
    numbers["standard_errors"] = surprise
    if surprise > SURPRISE:
        verdict = f"test is worse than valid: {name} higher by {gap:.3g}, {surprise:.1f} standard errors"
        advice = (
            "Look whether the folds differ (`split.by`): time, groups, another source; or valid was tuned on too often."
        )
    elif surprise < -SURPRISE:
        verdict = f"test is better than valid: {name} lower by {-gap:.3g}, {-surprise:.1f} standard errors"
        advice = "Look for test rows that repeat train rows, and whether the folds differ (`split.by`)."
    else:
        verdict = f"test agrees with valid: {name} differs by {gap:.3g}, {abs(surprise):.1f} standard errors"
        advice = "Nothing."
    return _diagnosis("generalisation", verdict, numbers, advice)


def calibration(found: Ece, used: Calibration) -> Diagnosis:
    """Whether probabilities can be read as shares, beyond what chance alone would show."""
    excess = found.value - found.by_chance
    numbers = {"ece_test": found.value, "ece_by_chance": found.by_chance, "temperature": used.temperature}
    if excess > max(0.01, 2 * found.standard_error):
        verdict = f"miscalibrated: ECE {found.value:.3f}, {found.by_chance:.3f} is chance"
        advice = "Set `evaluation.calibrate: temperature`, drop `training.class_weights`, or fit for fewer epochs."
    else:
        verdict = f"calibrated: ECE {found.value:.3f}, {found.by_chance:.3f} is chance"
        advice = "Nothing."
    return _diagnosis("calibration", verdict, numbers, advice)


def _skill(valid: dict[str, MetricValue], target: TargetInfo) -> float:
    """The part of the loss of a constant that the model takes away. 0: no better than a constant; 1: perfect."""
    if target.task == "regression":
        return valid["r2"].interval.value
    total = sum(target.class_counts)
    entropy = -sum(n / total * math.log(n / total) for n in target.class_counts if n)
    return 1 - valid["log_loss"].interval.value / entropy if entropy > 0 else 0.0


def _standard_error(metric: MetricValue) -> float:
    return (metric.interval.high - metric.interval.low) / 4


def _diagnosis(name: str, verdict: str, numbers: dict[str, float], advice: str) -> Diagnosis:
    cited = tuple((key, float(value)) for key, value in numbers.items())
    return Diagnosis(name=name, verdict=verdict, numbers=cited, advice=advice)
