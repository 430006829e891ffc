"""The reward function of ToolRL, which verl ships, gives each expected answer its highest rewards, and nonsense none.

requires: verl==0.9.1 --no-deps
"""

import contextlib
import importlib.util
import io
import json
import sys
from pathlib import Path

(package,) = importlib.util.find_spec("verl").submodule_search_locations
# from its file: importing the package would need torch, and the function does not
spec = importlib.util.spec_from_file_location("rlla", Path(package) / "utils/reward_score/rlla.py")
rlla = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rlla)

lines = (Path(sys.argv[1]) / "toolrl" / "train.jsonl").read_bytes().splitlines()
for row in map(json.loads, lines):
    truth = row["reward_model"]["ground_truth"]
    about = row["extra_info"] | {"experiment_name": "qwen"}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints some of what it compares
        right, wrong = (rlla.compute_score(row["data_source"], text, truth, about) for text in (truth, "nonsense"))
    assert (right["format_reward"], wrong["format_reward"]) == (1.0, 0.0), truth
    if "<tool_call>" in truth:
        assert (right["accuracy_reward"], wrong["accuracy_reward"]) == (3.0, -3.0), truth
print(f"  toolrl: {len(lines)} rewards")
