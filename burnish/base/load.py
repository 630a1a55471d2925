"""Load a base: GGUF converted once to safetensors, a model in the precision this machine likes.

With `resolve`, the only module that touches a base's files; `trust_remote_code` is never set.
"""

import hashlib
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    GgufConfig,
    PreTrainedModel,
)

from burnish.base.catalogue import Catalogue
from burnish.base.licences import judge, refuse_contradiction
from burnish.base.machine import cpu_features
from burnish.base.precision import precision
from burnish.base.resolve import Found, cache_folder, count_parameters, resolve
from burnish.errors import BaseModelError
from burnish.records import BaseChoice, TrainSettings, Use
from burnish.store import Workspace
from burnish.store.files import disk_errors

PLAIN = "burnish-plain"
"""Name of the chat template that stands in where a tokenizer brings none."""
_PLAIN_TEMPLATE = (
    "{{ bos_token | default('', true) }}{% for message in messages %}"
    "{{ '### ' + message['role'] | capitalize + '\n' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant\n' }}{% endif %}"
)
_OTHER = "name another base, such as smollm2-135m, under base: in burnish.yaml"


def choose(
    workspace: Workspace,
    record: BaseChoice,
    *,
    use: Use = "any",
    allow_licence: bool = False,
    fetch: bool = True,
) -> BaseChoice:
    """Find the base of a started record and complete it.

    Args:
        use, allow_licence: of the brief; a licence that forbids the use is refused, before
            anything is downloaded where the catalogue knows it.
        fetch: from the hub, where it is not on this machine.

    Raises:
        BaseModelError: it cannot be had, trusted or used.
    """
    catalogue = Catalogue(workspace.catalogue)
    known = catalogue.get(record.name.partition("@")[0])
    gated = known.gated if known else None
    if known:
        verdict = judge(known.licence, use, gated=gated)
        refuse_contradiction(verdict, record.name, overruled=allow_licence)
    found = resolve(record.name, catalogue, fetch=fetch)
    verdict = judge(found.licence, use, gated=gated)
    refuse_contradiction(verdict, record.name, overruled=allow_licence)
    folder = found.path if found.path.is_dir() else _converted(found)
    config = _config(folder)
    text = config.get_text_config()  # of a model that also sees pictures, the part that writes
    tokenizer = load_tokenizer(folder)
    template = tokenizer.chat_template
    return workspace.complete(
        record,
        {
            "source": found.source,
            "path": str(folder),
            "revision": found.revision,
            "weights_sha256": found.weights_sha256,
            "template": PLAIN if template == _PLAIN_TEMPLATE else "its own",
            "template_sha256": hashlib.sha256(template.encode()).hexdigest(),
            "architecture": (config.architectures or [config.model_type])[0],
            "parameters": count_parameters(folder),
            "context_length": int(getattr(text, "max_position_embeddings", 0)),
            "vocabulary": int(text.vocab_size),
            "licence": found.licence,
            "verdict": verdict,
            "licence_overruled": verdict.contradicts,
        },
    )


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a model folder, with its chat template or else the plain one."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise BaseModelError(
            f"The tokenizer in {folder} cannot be loaded: {error}", hint=_OTHER
        ) from error
    tokenizer.chat_template = tokenizer.chat_template or _PLAIN_TEMPLATE
    return tokenizer


def load_model(
    base: BaseChoice,
    settings: TrainSettings,
    *,
    training: bool = False,
    weights: Path | None = None,
) -> PreTrainedModel:
    """The model, in evaluation mode, on the device and in the precision the settings ask for.

    With QLoRA its layers are in 4 bits, for training and for answering alike: what is compared is
    what the machine can hold.

    Args:
        training: it is to be trained; all its weights by the method full, which needs float32.
        weights: folder of a model that was tuned whole, to go on from; None is the base itself.

    Raises:
        BaseModelError: the weights are not those on record, or the device or bitsandbytes is
            absent.
    """
    whole = training and settings.method == "full"
    folder = weights or Path(base.path)
    return _load(base, folder, settings, dtype=torch.float32 if whole else None)


def load_tuned(
    base: BaseChoice, settings: TrainSettings, weights: Path
) -> PeftModel | PreTrainedModel:
    """What a run trained: the base with its adapter over it, or a whole model.

    Args:
        weights: the run's folder that `Run.weights` names.
    """
    if settings.method == "full":
        return _load(base, weights, settings)
    model: PeftModel = PeftModel.from_pretrained(load_model(base, settings), str(weights))
    model.eval()
    return model


def load_merged(base: BaseChoice, settings: TrainSettings, weights: Path) -> PreTrainedModel:
    """What a run trained as one model without adapters, in the precision of the settings.

    Weights in 4 bits are unpacked first: the adapter was trained over their rounded values, and
    rounding the sum again would change the answers.
    """
    if settings.method == "full":
        return _load(base, weights, settings)
    model = load_model(base, settings)
    if settings.method == "qlora":
        model = model.dequantize(dtype=model.dtype)  # type: ignore[no-untyped-call]
    merged: PreTrainedModel = PeftModel.from_pretrained(model, str(weights)).merge_and_unload()
    merged.eval()  # type: ignore[no-untyped-call]
    return merged


def end_tokens(folder: Path, tokenizer: Any) -> list[int]:
    """Token ids that end an answer: the tokenizer's, and those of the generation settings."""
    more: list[int] = []
    if (folder / "generation_config.json").exists():
        configured = GenerationConfig.from_pretrained(str(folder)).eos_token_id
        more = [configured] if isinstance(configured, int) else list(configured or [])
    return sorted({int(tokenizer.eos_token_id), *more})


def choose_device(asked: str) -> torch.device:
    """The device asked for, or the best there is.

    Raises:
        BaseModelError: it was asked for by name and is absent.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked != "auto":
        if not there[asked]:
            raise BaseModelError(
                f"train.device is {asked}, but this machine has no such device.",
                hint="set train.device: auto in burnish.yaml",
            )
        return torch.device(asked)
    return torch.device(next(name for name, present in there.items() if present))


def _load(
    base: BaseChoice, folder: Path, settings: TrainSettings, *, dtype: torch.dtype | None = None
) -> PreTrainedModel:
    device = choose_device(settings.device)
    if dtype is None:
        on_cpu = device.type == "cpu"
        dtype = getattr(torch, precision(settings.dtype, cpu_features(), on_cpu=on_cpu))
    packed = _four_bits(dtype, device) if settings.method == "qlora" else {}
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=dtype, use_safetensors=True, local_files_only=True, **packed
        )
    except (OSError, ValueError) as error:
        raise BaseModelError(
            f"{base.name} cannot be loaded from {folder}: {error}",
            hint="burnish base --force looks for it again",
        ) from error
    if packed:
        _keep_packing(model)
        _let_go_of_files(model)
    else:
        model.to(device)  # type: ignore[arg-type]
    model.eval()  # type: ignore[no-untyped-call]
    return model


def _four_bits(dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
    """Settings of QLoRA (Dettmers et al. 2023): NF4, its scales quantised too; computed in `dtype`.

    Norms, embeddings and the head keep `dtype`, as under the other methods; PEFT's preparation
    would raise them, and with them all activations, to float32.
    """
    if find_spec("bitsandbytes") is None:
        raise BaseModelError(
            "train.method is qlora, but bitsandbytes, which computes in 4 bits, is not installed.",
            hint="pip install burnish[qlora], or set train.method: lora",
        )
    quantised = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": quantised, "device_map": {"": device}}


def _let_go_of_files(model: PreTrainedModel) -> None:
    """Copy what is not packed: a single tensor that lies in a mapped file keeps all of its pages.

    Packing has read them all, so that a process held the 16-bit weights beside those in 4 bits.
    """
    for weight in model.parameters():
        if weight.device.type == "cpu" and weight.is_floating_point():
            weight.data = weight.data.clone()


def _keep_packing(model: PreTrainedModel) -> None:
    """Stop bitsandbytes from packing weights anew, on some CPUs, in the first evaluation.

    It rounds their scales to bfloat16 there, and what is packed so passes no gradient on: every
    training after the first validation would learn from the last layer alone.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def _config(folder: Path) -> Any:
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise BaseModelError(
            f"{folder} holds no model transformers knows: {error}", hint=_OTHER
        ) from error
    if getattr(config, "is_encoder_decoder", False):
        raise BaseModelError(
            f"{folder} is an encoder-decoder ({config.model_type}); a causal language model is "
            "needed.",
            hint="choose an instruction-tuned decoder, such as smollm2-135m",
        )
    return config


def _converted(found: Found) -> Path:
    """The folder of safetensors made from a GGUF file, made on first use."""
    folder = cache_folder() / "bases" / found.weights_sha256[:16]
    if (folder / "config.json").exists():
        return folder
    source, name = str(found.path.parent), found.path.name
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".converting-"))
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=name)
            model = AutoModelForCausalLM.from_pretrained(
                source,
                gguf_file=name,
                dtype=torch.float32,
                quantization_config=GgufConfig(dequantize=True),
            )
            model.save_pretrained(str(fresh))
            tokenizer.save_pretrained(str(fresh))
            if not folder.exists():
                fresh.rename(folder)
        except (ValueError, KeyError, NotImplementedError) as error:
            raise BaseModelError(
                f"{found.path.name} cannot be read as a GGUF model: {error}", hint=_OTHER
            ) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder
