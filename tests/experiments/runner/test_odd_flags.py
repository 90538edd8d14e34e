"""Habits of other scripts and slips of the hand: each is one line that says what to type."""

import pytest

from callbacks import LayerwiseUnfreezing  # noqa: F401  a class to choose
from datamodules.classification import SST2
from experiments.runner import lengths
from experiments.runner.command_line import CommandLine
from modules.finetuning.lora import LoRA

EARLY = "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor=val/loss"
CASES = """
--lr 1e-3 | unknown flag --lr; here it is --model.learning_rate
-lr 1e-3 | unknown flag -lr; here it is --model.learning_rate
--optim adamw_torch | here it is --model.optimizer
--gradient_accumulation_steps 4 | here it is --trainer.accumulate_grad_batches
--ckpt_path x | here it is --resume
--model.lr 1 | unknown flag --model.lr; here it is --model.learning_rate
--epoch 3 | here it is --trainer.max_epochs
--model.gradient_checkpointing true | did you mean --gradient_checkpointing
--trainer.gpus 2 | unknown flag --trainer.gpus; here it is --trainer.devices
--trainer.auto_lr_find true | here it is --trainer.callbacks+=LearningRateFinder
--trainer.auto_scale_batch_size true | here it is --trainer.callbacks+=BatchSizeFinder
--trainer.weights_summary top | here it is --trainer.enable_model_summary
--micro_batch_size 2 | here it is --data.batch_size
--sequence_len 64 | here it is --data.max_length
--lora_target_linear true | here it is --model.targets
--peft_use_dora true | here it is --model.use_dora
--global_batch_size 64 | --data.batch_size times --trainer.accumulate_grad_batches times
--load_in_4bit true | here it is --model.quantize 4bit
--quantization_bit 8 | here it is --model.quantize
--bnb_4bit_quant_type fp4 | --model.quantize 4bit is NF4 with scales in 8 bits
--model.quantize 4 | did you mean 4bit?
--attn_implementation sdpa | attention is that of transformers
--train_on_inputs false | there is none: the loss is on the answers alone
--wandb_entity me | `wandb login`
--local_rank 0 | torchrun and srun say it
--cache_dir x | PRETUNE_CACHE names the cache
--trust_remote_code | code of the hub never runs here
--val_set_size 0.1 | one file is split by its texts
--dry_run | here it is --trainer.fast_dev_run true
--use_ema true | here it is --trainer.callbacks+=EMAWeightAveraging
--num_virtual_tokens 8 | other experiments have it as --model.tokens
--fp16 | here it is --trainer.precision 16-mixed
--pure_bf16 | here it is --trainer.precision bf16-mixed
--trainer.precision fp16 | did you mean 16-mixed?
--trainer.precision BF16 | did you mean bf16-mixed?
--trainer.precision fp8 | did you mean transformer-engine?
--trainer.max_steps 1e3 | --trainer.max_steps 1e3: must be a whole number; did you mean 1000?
--trainer.max_epochs None | must be a whole number or null; did you mean null?
--trainer.deterministic maybe | --trainer.deterministic maybe: must be one of
--trainer.benchmark 7 | --trainer.benchmark 7: must be true or false or null
--model.rank 4.0 | did you mean 4?
--model.warmup_ratio 10% | --model.warmup_ratio 10%: must be a number from 0 to 1
--model.learning_rate 1e-3, | --model.learning_rate 1e-3,: must be a number above 0
--model.learning_rate nan | --model.learning_rate nan: must be a number above 0
--model.schedule Cosine | did you mean cosine?
--model.dropout 2 | --model.dropout 2: must be a number from 0 to 1
--model lora | did you mean LoRA?
--model QLoRA | did you mean LoRA --model.quantize 4bit?
--model ReLoRA | did you mean LoRA?
--data sst-2 | did you mean SST2?
--data.batch_size auto | --data.batch_size auto: must be a whole number above 0 or null
--data.max_length none | did you mean null?
--data.seed 3 | --data.seed 3: follows --seed_everything; set that instead
--seed_everything random | must be a whole number of at least 0
--tracking.mode on | must be one of auto, online, offline or disabled
--trainer.logger tensorboard | did you mean TensorBoardLogger?
--trainer.logger CSV | did you mean CSVLogger?
--trainer.logger CSVLogger --trainer.logger.save_dri x | did you mean --trainer.logger.save_dir?
--trainer.callbacks+=EarlyStop | did you mean EarlyStopping?
--trainer.callbacks+=earlystopping | did you mean EarlyStopping?
--trainer.callbacks+=EarlyStopping | --trainer.callbacks.monitor must be given
--trainer.callbacks.patience 3 | the class that has it comes first, as in --trainer.callbacks+=NAME
EARLY --trainer.callbacks.patinece=3 | did you mean --trainer.callbacks.patience?
EARLY --trainer.callbacks.patience=many | --trainer.callbacks.patience many: must be a whole number
--trainer.callbacks+=LayerwiseUnfreezing --trainer.callbacks.every_steps=-1 | a whole number above 0
--trainer.callbacks+=LearningRateMonitor --trainer.callbacks.logging_interval=h | step, epoch
train.csv | train.csv: every value follows a flag; see --help
--output | --output: needs a value, text
--help.trainers | --help.trainers: there are --help.model, --help.model.task, --help.data,
"""


@pytest.fixture(scope="module")
def parser():
    patch = pytest.MonkeyPatch()
    patch.setattr("sys.argv", ["x.py"])
    yield CommandLine("x", "A question.", LoRA, SST2, {}).parser
    patch.undo()


@pytest.mark.parametrize("case", CASES.strip().splitlines())
def test_an_odd_flag_gets_one_line(case, parser, capsys):
    words, _, wanted = case.replace("EARLY", EARLY).partition(" | ")
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(words.split())
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert err.count("\n") == 1 and err.startswith("x.py: error: "), err
    assert wanted in err, err


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"accumulate_grad_batches": 0}, "accumulate_grad_batches 0: must be at least 1"),
        ({"gradient_clip_val": -1.0}, "gradient_clip_val -1.0: must be at least 0"),
        ({"check_val_every_n_epoch": 0}, "check_val_every_n_epoch 0: must be at least 1"),
        ({"num_sanity_val_steps": -2}, "num_sanity_val_steps -2: must be at least -1"),
        ({"val_check_interval": 0}, "limit_val_batches 0 leaves out validation"),
        ({"min_epochs": 5, "max_epochs": 2}, "min_epochs 5: more than --trainer.max_epochs 2"),
        ({"min_steps": 9, "max_steps": 3}, "min_steps 9: more than --trainer.max_steps 3"),
        ({}, ""),
    ],
)
def test_a_number_out_of_range_is_refused(given, reason, parser):
    settings = {**parser.get_defaults()["trainer"], **given}
    found = lengths.out_of_range(settings)
    assert reason in found and bool(found) == bool(reason)
