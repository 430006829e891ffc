"""verifiers reads traces and episodes with its own classes: messages, calls, rewards, and what was sampled.

requires: verifiers==0.4.0
"""

import json
import sys
from pathlib import Path

from verifiers.v1 import WireTrace
from verifiers.v1.episode import WireEpisode


def check(trace: WireTrace, given: dict) -> None:
    """Raise AssertionError where a trace is not what was written."""
    assert [node.sampled for node in trace.nodes] == [node["sampled"] for node in given["nodes"]]
    for node, before in zip(trace.nodes, given["nodes"], strict=True):
        assert node.message.role == before["message"]["role"]
        calls = [(call.id, call.name, call.arguments) for call in getattr(node.message, "tool_calls", None) or ()]
        written = before["message"].get("tool_calls", ())
        assert calls == [(call["id"], call["name"], call["arguments"]) for call in written]
    assert {name: one.score for name, one in trace.rewards.items()} == {
        name: one["score"] for name, one in given["rewards"].items()
    }


everything = Path(sys.argv[1])
lines = (everything / "verifiers_trace" / "train.jsonl").read_bytes().splitlines()
for line in lines:
    check(WireTrace.model_validate_json(line), json.loads(line))
print(f"  verifiers/trace: {len(lines)} traces")
lines = (everything / "verifiers_episode" / "train.jsonl").read_bytes().splitlines()
for line in lines:
    episode = WireEpisode.model_validate_json(line)
    for trace, given in zip(episode.traces, json.loads(line)["traces"], strict=True):
        check(trace, given)
print(f"  verifiers/episode: {len(lines)} episodes")
