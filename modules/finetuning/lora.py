"""Low-rank adaptation."""

from typing import TYPE_CHECKING, Any, Literal

from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from transformers import PreTrainedModel

from modules.finetuning import lora_settings, lora_targets, pissa
from modules.finetuning.base import FineTuningModule
from modules.finetuning.targets import head_modules, linear_layers, transposed

if TYPE_CHECKING:
    import peft


class LoRA(FineTuningModule):
    """Trains low-rank updates of frozen matrices, W + (alpha / rank) B A (Hu et al. 2021).

    The task's head trains whole.

    Args:
        rank: Columns of B and rows of A.
        alpha: The update is scaled by alpha / rank.
        dropout: Dropout rate of the input of A.
        targets: Adapted matrices: all-linear | attention, or names of layers, such as query,value.
        use_rslora: Scale by alpha / sqrt(rank) instead, for high ranks (Kalajdzievski 2023).
        use_dora: Train the length of each output's weights apart from them (Liu et al. 2024).
        initialization: default is B = 0; pissa moves W's largest singular values into B A, and
            leaves the rest frozen (Meng et al. 2024).
        learning_rate: Highest learning rate of the schedule.
        backbone_dropout: Dropout rate in place of the architecture's own: 0, as few weights train.
    """

    tuned = lora_settings.SETTINGS

    def __init__(
        self,
        rank: PositiveInt = 4,
        alpha: PositiveFloat = 16.0,
        dropout: ClosedUnitInterval = 0.0,
        targets: str | list[str] = "all-linear",
        use_rslora: bool = False,
        use_dora: bool = False,
        initialization: Literal["default", "pissa"] = "default",
        learning_rate: PositiveFloat = 1e-3,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        # Plain attributes: nn.Module's own do not exist before the base calls adapt.
        self._lora = {"r": rank, "lora_alpha": alpha, "lora_dropout": dropout}
        self._lora |= {"use_rslora": use_rslora, "use_dora": use_dora}
        self._targets, self._pissa = targets, initialization == "pissa"
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: PreTrainedModel, **settings) -> "peft.PeftModel":
        import peft

        names, rank = linear_layers(model, self._targets), self._lora["r"]
        if self._targets in ("all-linear", "attention"):
            names = lora_targets.known_to_work(model, names, rank)
        lora_targets.check_rank(model, names, rank, "--model.rank")
        experts = []
        if self._targets == "all-linear":
            plain = not (self._pissa or self._lora["use_dora"] or self._lora["lora_dropout"])
            experts = lora_targets.experts(model, rank, plain)
        config = peft.LoraConfig(
            target_parameters=experts or None,
            task_type=self.task.peft_type,
            target_modules=names,
            modules_to_save=head_modules(model),
            fan_in_fan_out=transposed(model, names),
            **{"init_lora_weights": "pissa" if self._pissa else True, **self._lora, **settings},
        )
        return peft.get_peft_model(model, config)

    def peft_for_export(self) -> "peft.PeftModel":
        """Return the model to export, relative to the backbone's own weights.

        There PiSSA's update is B A - B0 A0, of twice the rank.
        """
        if not self._pissa:
            return self.model
        first = type(self)(**self.hparams)
        bare = self.task.build(self.hparams["backbone"], self.hparams["backbone_dropout"])
        bare.layout = self.model.get_base_model().layout
        model = self.adapt(bare, init_lora_weights=True, **pissa.doubled(self._lora)).eval()
        pissa.put_difference(model, self, first)
        return model
