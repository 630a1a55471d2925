"""Ollama's template, derived from the tokenizer's, rebuilds what the tokenizer renders."""

import re
from typing import Any

import pytest
from exporting import merging_tokenizer  # type: ignore[import-not-found]
from tiny import TEMPLATE

from burnish.export.modelfile import find_turn_form, write_modelfile

DEFAULT = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
BEGUN = "{{ bos_token }}" + TEMPLATE
PLAIN = (
    "{% for message in messages %}{{ '### ' + message['role'] + '\n' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### assistant\n' }}{% endif %}"
)
NO_SYSTEM = "{{ raise_exception('no system') if messages[0]['role'] == 'system' }}" + TEMPLATE
CHATS = [
    [("system", "Shorten."), ("user", "A {{ b }}\n\n")],
    [("user", "A"), ("assistant", "B"), ("user", "C")],
    [("system", "S"), ("user", "A"), ("assistant", "B"), ("user", "C"), ("assistant", "D"),
     ("user", "E")],
]  # fmt: skip


def tokenizer_with(template: str) -> Any:
    tokenizer = merging_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


def as_go(template: str, chat: list[tuple[str, str]]) -> str:
    """What Go's text/template makes of the few actions that are used."""
    system = any(role == "system" for role, _ in chat)

    def turns(found: re.Match[str]) -> str:
        body = found.group(1)
        return "".join(
            body.replace("{{ .Role }}", role).replace("{{ .Content }}", text) for role, text in chat
        )

    default = re.compile(r"\{\{ if not \.System \}\}(.*?)\{\{ end \}\}", re.DOTALL)
    template = default.sub(lambda found: "" if system else found.group(1), template)
    loop = re.compile(r"\{\{ range \.Messages \}\}(.*?)\{\{ end \}\}", re.DOTALL)
    return loop.sub(turns, template)


@pytest.mark.parametrize("template", [TEMPLATE, DEFAULT, BEGUN], ids=["chatml", "default", "bos"])
def test_turns_that_look_alike_give_a_template(template: str) -> None:
    tokenizer = tokenizer_with(template)
    form = find_turn_form(tokenizer)
    assert form is not None
    assert (form.before, form.between, form.after) == ("<|im_start|>", "\n", "<|im_end|>\n")
    for chat in CHATS:
        messages = [{"role": role, "content": text} for role, text in chat]
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert form.write(chat) == text
        assert as_go(form.template(), chat) == text


@pytest.mark.parametrize("template", [PLAIN, NO_SYSTEM], ids=["plain", "no-system"])
def test_other_templates_are_left_out_and_that_is_said(template: str) -> None:
    tokenizer = tokenizer_with(template)
    assert find_turn_form(tokenizer) is None
    text, notes = write_modelfile(
        "a.gguf", tokenizer, system="", stops=["</s>"], context=512, longest_answer=64
    )
    assert "TEMPLATE" not in text
    assert any("no TEMPLATE" in note for note in notes)


def test_the_modelfile_says_how_answers_are_decoded() -> None:
    text, notes = write_modelfile(
        "notes-Q8_0.gguf", tokenizer_with(TEMPLATE), system='Say "yes" or\nno.',
        stops=["<|im_end|>", '<"\\>'], context=768, longest_answer=64,
    )  # fmt: skip
    assert notes == []
    assert text.startswith('FROM ./notes-Q8_0.gguf\nTEMPLATE """{{ range .Messages }}<|im_start|>')
    assert 'SYSTEM """Say "yes" or\nno."""' in text
    parameters = re.findall(r"^PARAMETER (.*)$", text, re.MULTILINE)
    assert parameters == [
        'stop "<|im_end|>"', 'stop "<\\"\\\\>"', "temperature 0", "repeat_penalty 1",
        "num_ctx 768", "num_predict 64",
    ]  # fmt: skip


def test_an_instruction_that_would_end_early_is_left_out() -> None:
    text, notes = write_modelfile(
        "a.gguf", tokenizer_with(TEMPLATE), system='Quote with """.', stops=[], context=1,
        longest_answer=1,
    )  # fmt: skip
    assert "SYSTEM" not in text
    assert any("no SYSTEM" in note for note in notes)
