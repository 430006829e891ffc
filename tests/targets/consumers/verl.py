"""verl reads the rows as Parquet: it masks by role, keeps prompts and extras, and its rewards fit those of ToolRL.

requires: verl==0.9.1 torch pandas pyarrow
"""

import json
import sys
from pathlib import Path

import pandas
from omegaconf import OmegaConf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.utils.reward_score.rlla import compute_score

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
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


def parquet(folder: Path) -> tuple[list[dict], str]:
    """Return the rows of a folder and the path of the same rows as Parquet."""
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_bytes().splitlines()]
    pandas.DataFrame(rows).to_parquet(folder / "train.parquet")
    return rows, str(folder / "train.parquet")


def check_sft(folder: Path) -> None:
    """Raise AssertionError where verl trains anything but the answers."""
    rows, file = parquet(folder)
    tokenizer = bytewise()
    config = OmegaConf.create({"max_length": 65536, "truncation": "error", "pad_mode": "no_padding"})
    found = MultiTurnSFTDataset(parquet_files=file, tokenizer=tokenizer, config=config)
    assert len(found) == len(rows)
    for n, row in enumerate(rows):
        item = found[n]
        kept = [int(id) for id, on in zip(item["input_ids"], item["loss_mask"], strict=True) if on]
        answers = [m["content"] for m in row["messages"] if m["role"] == "assistant"]
        # verl counts the line break after an answer as its part
        assert tokenizer.decode(kept) == "".join(f"{text}<|im_end|>\n" for text in answers)
    print(f"  verl: {len(rows)} rows")


def check_rl(folder: Path) -> None:
    """Raise AssertionError where a prompt or an extra is not what was written."""
    rows, file = parquet(folder)
    config = OmegaConf.create(
        {"max_prompt_length": 65536, "cache_dir": str(folder), "filter_overlong_prompts_workers": 1}
    )
    found = RLHFDataset(data_files=file, tokenizer=bytewise(), config=config)
    assert len(found) == len(rows)
    for n, row in enumerate(rows):
        item = found[n]
        assert [dict(one) for one in item["raw_prompt"]] == row["prompt"]
        assert item["index"] == row["extra_info"]["index"]
        assert item["extra_info"] == row["extra_info"]
        assert item["reward_model"] == row["reward_model"]
    print(f"  {folder.name}: {len(rows)} rows")


def check_rewards(folder: Path) -> None:
    """Raise AssertionError where the expected answer itself does not get the highest reward."""
    rows, _ = parquet(folder)
    for row in rows:
        truth = row["reward_model"]["ground_truth"]
        about = row["extra_info"] | {"experiment_name": "qwen"}
        right, wrong = (compute_score(row["data_source"], text, truth, about) for text in (truth, "nonsense"))
        assert (right["format_reward"], wrong["format_reward"]) == (1.0, 0.0), truth
        if "<tool_call>" in truth:
            assert (right["accuracy_reward"], wrong["accuracy_reward"]) == (3.0, -3.0), truth
    print(f"  {folder.name}: {len(rows)} rewards")


everything = Path(sys.argv[1])
check_sft(everything / "verl")
check_rl(everything / "verl_rl")
check_rl(everything / "toolrl")
check_rewards(everything / "toolrl")
