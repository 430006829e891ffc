"""LLaMA-Factory: it trains every turn of the assistant, so a row ends before the first that must not be."""

from engine.exporting.target import Target

FORMS = {
    "sft": Target(
        title="LLaMA-Factory",
        line="ShareGPT rows with dataset_info.json, which end before the first turn that must not be trained.",
        format="llamafactory",
        options={"masked": ("cut",)},
        untrained={"cut": "ends the dialogue, and what follows is left out"},
        masking="LLaMA-Factory trains every `gpt` and `function_call` turn that it sees. A row therefore ends before "
        "the first one that must not be trained.",
        settings="""
dataset_dir: .  # this folder, with dataset_info.json
dataset: turnwright_$stem
mask_history: false
train_on_prompt: false
""",
        language="yaml",
    )
}
