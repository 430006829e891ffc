"""axolotl, set as the target says, trains the flagged answers with their calls and nothing else (`chat_template`).

requires: torch transformers==5.16.1 datasets==4.8.4 pydantic==2.12.5 accelerate==1.13.0 colorama PyYAML addict fire
alone: axolotl==0.19.0
"""

import json
import sys
from pathlib import Path

import yaml
from axolotl.prompt_strategies import load
from axolotl.utils.dict import DictDefault
from datasets import load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

# axolotl passes on only what it sees a template use, and looks for that in tests such as `if message.tool_calls`
TEMPLATE = (
    "{% for tool in tools or [] %}<tool>{{ tool | tojson }}</tool>{% endfor %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content or '' }}"
    "{% if message.tool_calls %}{% for call in message.tool_calls %}"
    "<call>{{ call.function.name }}{{ call.function.arguments | tojson }}</call>{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def bytewise() -> PreTrainedTokenizerFast:
    """Return a tokenizer with a token for each byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: n for n, letter in enumerate([*alphabet, "<|im_end|>", "<|im_start|>"])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|im_end|>", "<|im_start|>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|im_end|>", chat_template=TEMPLATE
    )


def said(message: dict) -> str:
    """Return what the template writes of an answer."""
    calls = []
    for call in message.get("tool_calls") or ():
        arguments = call["function"]["arguments"]
        # axolotl turns arguments that are a JSON text into the object
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
        calls.append((call["function"]["name"], arguments))
    text = "".join(f"<call>{name}{json.dumps(given, ensure_ascii=False)}</call>" for name, given in calls)
    return f"{message.get('content') or ''}{text}<|im_end|>"


def check(folder: Path, settings: dict) -> None:
    """Raise AssertionError where axolotl trains anything but the flagged answers."""
    tokenizer = bytewise()
    config = DictDefault({**settings, "sequence_len": 1 << 20})
    strategy = load("chat_template", tokenizer, config, DictDefault(settings["datasets"][0]))
    written = [json.loads(line) for line in (folder / "train.jsonl").read_bytes().splitlines()]
    read = load_dataset("json", data_files=str(folder / "train.jsonl"), cache_dir=str(folder / "cache"))["train"]
    assert len(read) == len(written)
    for row, before in zip(read, written, strict=True):
        item = strategy.tokenize_prompt(row)
        item = item[0] if isinstance(item, list) else item
        kept = [id for id, label in zip(item["input_ids"], item["labels"], strict=True) if label != -100]
        answers = [m for m in before["messages"] if m["role"] == "assistant" and m["train"]]
        assert tokenizer.decode(kept) == "".join(map(said, answers)), before["id"]
    print(f"  {folder.name}: {len(written)} rows")


for place in sorted(Path(sys.argv[1]).glob("axolotl*")):
    check(place, yaml.safe_load((place / "settings").read_text()))
