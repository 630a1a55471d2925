"""The methods of tuning: what is added to a base model, and which weights move."""

from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from burnish.errors import TrainingError
from burnish.records import TrainSettings


def adapt(model: PreTrainedModel, settings: TrainSettings) -> PeftModel:
    """The model with fresh adapters, which alone are trained.

    Raises:
        TrainingError: PEFT cannot adapt one of the layers.
    """
    targets = settings.target_modules
    adapters = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
    )
    try:
        return get_peft_model(model, adapters)
    except ValueError as error:
        raise TrainingError(
            f"PEFT cannot adapt this {model.config.model_type} model: {error}",
            hint="set train.lora_dropout: 0 (experts have none), or name other layers in "
            "train.target_modules",
        ) from error
