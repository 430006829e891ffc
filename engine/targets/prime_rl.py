"""prime-rl: it trains every turn of the assistant, of a prompt too, so a row ends before the first that must not be."""

from engine.exporting.target import Target

FORMS = {
    "sft": Target(
        title="prime-rl",
        line="Messages that end before the first turn that must not be trained.",
        format="chat_jsonl",
        options={
            "masked": ("cut",),
            "turn_flag": ("none",),
            "loss": ("none",),
            "split_untrained": (False,),
            "arguments": ("string", "object"),
            "tools": ("string", "list"),
        },
        untrained={"cut": "ends the dialogue, and what follows is left out"},
        masking="prime-rl chooses what it trains by role alone and puts `prompt` and `completion` together, so it "
        "trains every turn of the assistant that it sees. A row therefore ends before the first one that must not be "
        "trained.",
        settings="""
# `name` is the folder that holds the file
[data]
type = "sft"
name = "."
splits = ["$split"]

[data.loss_mask]
system = false
user = false
assistant = true
tool = false
""",
        language="toml",
    )
}
