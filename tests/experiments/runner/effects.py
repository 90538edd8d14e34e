"""The effect of every callback of Lightning's and every flag of its Trainer on a small run."""

from typing import NamedTuple


class Effect(NamedTuple):
    """What a flag does to the run of the tests, which is two epochs of LoRA.

    Attributes:
        words: The flags; those that are needed beside it come first.
        weights: ``same`` or ``other`` than without it; ``refused`` before there is a folder.
        shows: A pattern that the screens must have: the reason of a refusal, a line, a file.
        against: The flags of the run that it is compared with, beside the usual ones.
    """

    words: str
    weights: str
    shows: str = ""
    against: str = ""


def _callback(name: str, weights: str, shows: str = "", **settings: object) -> Effect:
    words = [f"--trainer.callbacks+={name}"]
    words += [f"--trainer.callbacks.{key}={value}" for key, value in settings.items()]
    return Effect(" ".join(words), weights, shows)


_NOTHING = "does nothing by itself"
CALLBACKS = {
    "BackboneFinetuning": _callback("BackboneFinetuning", "refused", "LayerwiseUnfreezing"),
    "BaseFinetuning": _callback("BaseFinetuning", "refused", _NOTHING),
    "BasePredictionWriter": _callback("BasePredictionWriter", "refused", "does not predict"),
    "BatchSizeFinder": _callback(
        "BatchSizeFinder", "other", r"found +--data\.batch_size 16", max_val=16
    )._replace(against="--data.batch_size 16"),
    "Callback": _callback("Callback", "refused", "unknown class; did you mean"),
    "Checkpoint": _callback("Checkpoint", "refused", _NOTHING),
    "DeviceStatsMonitor": _callback("DeviceStatsMonitor", "same", "cpu_percent", cpu_stats="true"),
    "EarlyStopping": _callback(
        "EarlyStopping", "other", "early in epoch 1", monitor="val/loss", stopping_threshold=9
    ),
    "EMAWeightAveraging": _callback("EMAWeightAveraging", "other", decay=0.5),
    "GradientAccumulationScheduler": _callback(
        "GradientAccumulationScheduler", "other", "4 steps", scheduling='{"0":2}'
    )._replace(against="--trainer.accumulate_grad_batches 2"),
    "LambdaCallback": _callback("LambdaCallback", "refused", _NOTHING),
    "LearningRateFinder": _callback(
        "LearningRateFinder", "other", r"found +--model\.learning_rate [\d.e-]+ by Learn"
    ),
    "LearningRateMonitor": _callback(
        "LearningRateMonitor", "same", "decay-weight_decay", log_weight_decay="true"
    ),
    "ModelCheckpoint": _callback("ModelCheckpoint", "same", r"epoch=1-step=8\.ckpt"),
    "ModelPruning": _callback(
        "ModelPruning", "refused", "renames the weights", pruning_fn="l1_unstructured"
    ),
    "ModelSummary": _callback("ModelSummary", "same", r"2\.\d K +Trainable params"),
    "OnExceptionCheckpoint": Effect(
        "--trainer.callbacks+=OnExceptionCheckpoint --trainer.callbacks.dirpath=one/kept "
        "--trainer.callbacks+=SpikeDetection --trainer.callbacks.rtol=0.0001",
        "stopped",
        r"kept.on_exception\.ckpt",
    ),
    "ProgressBar": _callback("ProgressBar", "refused", _NOTHING),
    "RichModelSummary": _callback("RichModelSummary", "same", r"Trainable params: 2\.\d K"),
    "RichProgressBar": _callback("RichProgressBar", "same", "Epoch 1/1 "),
    "StochasticWeightAveraging": _callback(
        "StochasticWeightAveraging", "refused", "EMAWeightAveraging", swa_lrs=0.1
    ),
    "SpikeDetection": _callback(
        "SpikeDetection", "stopped", "spike detected in batch \\d; skip_batches.json", rtol=0.0001
    ),
    "ThroughputMonitor": _callback(
        "lightning.pytorch.callbacks.ThroughputMonitor",
        "same",
        "device/batches_per_sec",
        batch_size_fn="builtins.len",
        window_size=2,
    ),
    "Timer": _callback("Timer", "stopped", "the time limit of 0:00:00", duration="00:00:00:00"),
    "TQDMProgressBar": _callback("TQDMProgressBar", "same", "Epoch 1: 100%"),
    "WeightAveraging": _callback("WeightAveraging", "other"),
}

_EARLY = (
    "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor=val/loss "
    "--trainer.callbacks.stopping_threshold=9"
)
_ALL = r"all 2 epochs were trained, 8 steps"
FLAGS = {
    "accelerator": Effect("--trainer.accelerator gpu", "refused", "gpu"),
    "strategy": Effect("--trainer.strategy nope", "refused", "nope"),
    "devices": Effect("--trainer.devices 1", "same"),
    "num_nodes": Effect("--trainer.num_nodes 2", "refused", "torchrun"),
    "precision": Effect("--trainer.precision bf16-mixed", "other"),
    "logger": Effect("--trainer.logger false", "refused", "tracking.mode disabled"),
    "callbacks": CALLBACKS["WeightAveraging"],
    "fast_dev_run": Effect("--trainer.fast_dev_run true", "other", "note +Running in `fast_dev_"),
    "max_epochs": Effect("--trainer.max_epochs 1", "other", "1 epoch was trained"),
    "min_epochs": Effect(f"{_EARLY} --trainer.min_epochs 2", "same", _ALL),
    "max_steps": Effect("--trainer.max_steps 3", "other", "max_steps 3 was reached"),
    "min_steps": Effect(f"{_EARLY} --trainer.min_steps 8", "same", _ALL),
    "max_time": Effect("--trainer.max_time 00:00:00:00", "stopped", "the time limit of 0:00:00"),
    "limit_train_batches": Effect("--trainer.limit_train_batches 2", "other", "4 steps"),
    "limit_val_batches": Effect("--trainer.limit_val_batches 0", "same", "the last weights"),
    "limit_test_batches": Effect("--trainer.limit_test_batches 0", "same", "nothing was tested"),
    "limit_predict_batches": Effect("--trainer.limit_predict_batches 1", "refused", "predict"),
    "overfit_batches": Effect("--trainer.overfit_batches 1", "other", "2 steps"),
    "val_check_interval": Effect("--trainer.val_check_interval 1", "same", "(val/loss.*){8}"),
    "check_val_every_n_epoch": Effect(
        "--trainer.check_val_every_n_epoch 2", "same", "epoch 2/2  val/loss"
    ),
    "num_sanity_val_steps": Effect("--trainer.num_sanity_val_steps 1", "same"),
    "log_every_n_steps": Effect("--trainer.log_every_n_steps 8", "same"),
    "enable_checkpointing": Effect(
        "--trainer.enable_checkpointing false", "same", "no validation chose a checkpoint"
    ),
    "enable_progress_bar": Effect("--trainer.enable_progress_bar false", "same"),
    "enable_model_summary": Effect(
        "--trainer.enable_model_summary true", "same", r"Trainable params: 2\.\d K"
    ),
    "accumulate_grad_batches": Effect("--trainer.accumulate_grad_batches 2", "other", "4 steps"),
    "gradient_clip_val": Effect("--trainer.gradient_clip_val 0.001", "other"),
    "gradient_clip_algorithm": Effect(
        "--trainer.gradient_clip_val 0.001 --trainer.gradient_clip_algorithm value",
        "other",
        against="--trainer.gradient_clip_val 0.001",
    ),
    "deterministic": Effect("--trainer.deterministic true", "same"),
    "benchmark": Effect("--trainer.benchmark true", "same"),
    "inference_mode": Effect("--trainer.inference_mode false", "same"),
    "use_distributed_sampler": Effect(
        "--trainer.use_distributed_sampler true", "refused", "the data's own sampler"
    ),
    "profiler": Effect("--trainer.profiler simple", "same", r"done .*\(.*, fit-profile\.txt"),
    "detect_anomaly": Effect("--trainer.detect_anomaly true", "same"),
    "barebones": Effect("--trainer.barebones true", "refused", "leaves out checkpoints"),
    "plugins": Effect("--trainer.plugins TorchCheckpointIO", "refused", "CheckpointIO"),
    "sync_batchnorm": Effect("--trainer.sync_batchnorm true", "refused", "no BatchNorm layer"),
    "reload_dataloaders_every_n_epochs": Effect(
        "--trainer.reload_dataloaders_every_n_epochs 1", "same"
    ),
    "default_root_dir": Effect("--trainer.default_root_dir x", "refused", "below --output"),
    "enable_autolog_hparams": Effect("--trainer.enable_autolog_hparams false", "same"),
    "model_registry": Effect("--trainer.model_registry x", "refused", "export folder"),
}
