"""Flags and values of other training scripts, and the flags that do the same here.

The names are those of the Trainer of transformers, TRL, LLaMA-Factory, peft, accelerate and
Lightning's examples.
"""

from collections.abc import Callable, Collection

_LORA = {
    "--model.rank of --model LoRA": "r lora_r lora_rank",
    "--model.alpha of --model LoRA": "lora_alpha",
    "--model.dropout of --model LoRA": "lora_dropout",
    "--model.targets of --model LoRA": "target_modules lora_target lora_target_modules",
    "--model.use_rslora of --model LoRA": "rslora lora_rslora",
    "--model.use_dora of --model LoRA": "dora lora_dora",
    "--model.initialization pissa of --model LoRA": "pissa_init init_lora_weights",
}
_MODEL = {
    "--model.learning_rate": "lr max_lr base_lr peak_lr",
    "--model.weight_decay": "wd decay",
    "--model.warmup_ratio": "warmup warmup_steps num_warmup_steps warmup_proportion",
    "--model.schedule": "scheduler lr_scheduler lr_scheduler_type lr_schedule scheduler_type",
    "--model.backbone": "model_name_or_path model_name model_id model_path model_checkpoint "
    "pretrained_model_name_or_path base_model checkpoint_name",
    "--model": "finetuning_type peft_type use_peft strategy_name method objective",
    "--model.size": "model_size config_name config_overrides",
    "--model.family": "model_type",
    "--model.probability": "mlm_probability mask_probability masking_probability",
    "--model.task": "problem_type task_type",
    "--model.task.num_classes": "num_labels n_classes n_labels",
    "--model.task.label_smoothing": "label_smoothing_factor smoothing",
    "--model.backbone_dropout|--model.dropout": "hidden_dropout hidden_dropout_prob dropout_rate "
    "attention_dropout",
}
_DATA = {
    "--data.source|--data.path": "dataset dataset_name dataset_dir dataset_path data_path data_dir "
    "train_file train_data train_data_file train_dataset data_files file",
    "--data": "task_name dataset_class benchmark_name",
    "--data.batch_size": "per_device_train_batch_size train_batch_size per_device_batch_size bs "
    "per_gpu_train_batch_size micro_batch_size per_device_eval_batch_size eval_batch_size",
    "--data.max_length|--data.row_tokens": "max_length max_seq_length max_seq_len max_len "
    "cutoff_len block_size seq_length seq_len context_length model_max_length max_source_length",
    "--data.text_column": "text_column_name dataset_text_field text_field",
    "--data.label_column": "label_column_name label_field",
    "--data.workers": "num_workers dataloader_num_workers preprocessing_num_workers n_workers "
    "dataset_num_proc num_proc",
    "--data.train_rows|--trainer.limit_train_batches": "max_train_samples max_samples num_samples",
    "--data.packing": "pack sample_packing use_packing",
    "--data.template": "chat_template prompt_template",
}
_RUN = {
    "--seed_everything": "seed random_seed manual_seed data_seed",
    "--output": "output_dir out_dir save_dir logging_dir log_dir",
    "--resume": "resume_from_checkpoint ckpt_path checkpoint_path resume_from load_checkpoint "
    "checkpoint ckpt",
    "--checkpoint_seconds": "save_steps save_strategy save_interval save_every checkpoint_interval "
    "checkpointing_steps save_freq",
    "--tracking.name": "run_name experiment_name exp_name wandb_name wandb_run_name",
    "--tracking.project": "wandb_project project_name",
    "--tracking.group": "run_group wandb_group",
    "--tracking.mode": "report_to wandb use_wandb wandb_mode no_wandb",
    "--config": "config_file cfg",
}
_TRAINER = {
    "--trainer.max_epochs": "epochs num_train_epochs num_epochs n_epochs nb_epochs train_epochs",
    "--trainer.max_steps": "max_train_steps train_steps num_steps total_steps num_train_steps "
    "max_iters iterations",
    "--trainer.accumulate_grad_batches": "gradient_accumulation_steps gradient_accumulation "
    "grad_accum grad_accumulation accumulation_steps accum_steps grad_accum_steps",
    "--trainer.gradient_clip_val": "max_grad_norm grad_clip clip_grad clip_grad_norm max_norm "
    "gradient_clip gradient_clipping clip",
    "--trainer.precision 16-mixed": "fp16 use_fp16 amp use_amp",
    "--trainer.precision bf16-mixed": "bf16 use_bf16",
    "--trainer.precision 32-true": "fp32 no_amp",
    "--trainer.precision": "mixed_precision dtype torch_dtype fp16_opt_level",
    "--trainer.devices": "gpus num_gpus n_gpu n_gpus gpu_ids num_processes nproc_per_node",
    "--trainer.num_nodes": "nnodes nodes num_machines",
    "--trainer.accelerator": "device gpu no_cuda use_cpu cpu use_mps_device",
    "--trainer.strategy": "deepspeed fsdp distributed_backend ddp ddp_backend distributed_type",
    "--trainer.val_check_interval": "eval_steps eval_interval eval_every evaluation_steps "
    "val_interval validation_steps",
    "--trainer.check_val_every_n_epoch": "eval_strategy evaluation_strategy eval_epochs",
    "--trainer.log_every_n_steps": "logging_steps log_steps log_interval log_every log_freq "
    "logging_strategy print_freq",
    "--trainer.limit_val_batches": "max_eval_samples max_val_samples max_eval_batches",
    "--trainer.callbacks+=EarlyStopping": "early_stopping early_stopping_patience patience",
    "--trainer.enable_progress_bar false": "disable_tqdm no_progress_bar",
}
NAMES = {
    name: ours
    for table in (_MODEL, _LORA, _DATA, _RUN, _TRAINER)
    for ours, names in table.items()
    for name in names.split()
}

_OPTIMIZER = "the optimizer is AdamW; its rate is --model.learning_rate"
_MOMENTS = "AdamW's moments and epsilon are fixed"
_MEMORY = "a smaller --data.batch_size with --trainer.accumulate_grad_batches saves memory"
_BITS = "weights are not quantised; --model LoRA of an experiment saves memory"
_TOKENIZER = "the tokenizer is that of the backbone, or of the corpus in pretraining"
_ALWAYS = "every run trains, validates and tests in this order"
_KEPT = "a run keeps its best and its last checkpoint"
_FOLDERS = "every run has a folder of its own under --output"
_HUB = "a finished run's export folder can be uploaded with `hf upload`"
ADVICE = (
    dict.fromkeys("optimizer optim optimiser opt optimizer_name".split(), _OPTIMIZER)
    | dict.fromkeys(
        "adam_beta1 adam_beta2 adam_epsilon beta1 beta2 betas eps momentum".split(), _MOMENTS
    )
    | dict.fromkeys(
        "gradient_checkpointing activation_checkpointing use_gradient_checkpointing "
        "gradient_checkpointing_kwargs auto_find_batch_size".split(),
        _MEMORY,
    )
    | dict.fromkeys("load_in_4bit load_in_8bit quantization_bit bits qlora".split(), _BITS)
    | dict.fromkeys("tokenizer tokenizer_name tokenizer_name_or_path".split(), _TOKENIZER)
    | dict.fromkeys("do_train do_eval do_predict do_test train eval stage".split(), _ALWAYS)
    | dict.fromkeys(
        "save_total_limit load_best_model_at_end metric_for_best_model greater_is_better "
        "save_only_model".split(),
        _KEPT,
    )
    | dict.fromkeys("overwrite_output_dir overwrite_cache".split(), _FOLDERS)
    | dict.fromkeys("push_to_hub hub_model_id hub_strategy".split(), _HUB)
    | dict.fromkeys("token hub_token hf_token use_auth_token".split(), "run `hf auth login`")
    | dict.fromkeys("group_by_length length_column_name".split(), "see --help.data for batches")
    | dict.fromkeys("torch_compile compile".split(), "modules run as they are, uncompiled")
)

_HALF, _BRAIN, _FULL = "16-mixed", "bf16-mixed", "32-true"
VALUES = {
    "--trainer.precision": {
        **dict.fromkeys(("fp16", "float16", "half", "f16", "amp", "mixed"), _HALF),
        **dict.fromkeys(("bfloat16", "bfp16", "brain"), _BRAIN),
        **dict.fromkeys(("fp32", "float32", "float", "f32", "full", "single", "no"), _FULL),
        **dict.fromkeys(("fp64", "float64", "double"), "64-true"),
    },
    "--model.schedule": {
        "constant_with_warmup": "constant",
        "linear_with_warmup": "linear",
        "cosine_with_warmup": "cosine",
        "stlr": "slanted_triangular",
    },
}


def hint(leaf: str, known: Collection[str], chosen: str, has: Callable[[str, str], bool]) -> str:
    """What a name of other scripts is here, to end an error message; empty if it is none.

    Args:
        leaf: The last part of the flag, such as lr.
        known: The flags of this run.
        chosen: The name of the class of --model.
        has: Tells whether a class of that name can be chosen for --model and has that flag.
    """
    name = leaf.lower().replace("-", "_")
    for entry in filter(None, NAMES.get(name, "").split("|")):
        ours, _, owner = entry.partition(" of --model ")
        flag = ours.split()[0].split("+=")[0]
        if owner and owner != chosen:
            if has(owner, flag):
                return f"; here it is {entry}"
        elif flag in known:
            return f"; here it is {ours}"
    if name in NAMES:
        elsewhere = NAMES[name].replace("|", " or ")
        return f"; other experiments have it as {elsewhere}, and this one has none"
    return f"; there is none: {ADVICE[name]}" if name in ADVICE else ""


def value_of(flag: str, value: str) -> str:
    """The value of ours that another script's value of a flag stands for; empty if none does."""
    return VALUES.get(flag, {}).get(value.lower(), "")
