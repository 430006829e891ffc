"""The command `dialogue`: how an agent talks to the user and calls the tools of its task.

Each command plays the recorded messages of the assistant again, then the new one, in a workspace made anew. Tools use
neither clock nor chance, so that gives the same results, and no process has to live between two commands. What the
verifier gets is the record.
"""

import argparse
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from episodes import Refused, Runtime, Unmeasured  # noqa: E402

RECORD = Path(os.environ.get("DIALOGUE_RECORD", "/var/lib/dialogue/replies.json"))
OVER = "The dialogue is over."


def recorded():
    """Return the assistant's messages so far."""
    return json.loads(RECORD.read_text()) if RECORD.exists() else []


def record(replies):
    """Store the messages; a command that is killed meanwhile leaves the earlier ones."""
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    half = RECORD.with_suffix(".new")
    half.write_text(json.dumps(replies))
    half.replace(RECORD)


def play(runtime, replies):
    """Return (all messages, whether the dialogue is over) after these replies of the assistant."""
    found = runtime.request("open", task=runtime.tasks[0]["id"])
    episode, messages = found["episode"], list(found["messages"])
    for reply in replies:
        messages.append({"role": "assistant", **reply})
        try:
            found = runtime.request("reply", episode=episode, reply=reply)
        except Unmeasured:
            return messages, True
        messages += found["messages"]
        if found["result"] is not None:
            return messages, True
    return messages, False


def shown(message):
    """Return a message as lines to read."""
    if message["role"] == "tool":
        return f"[result of {message['name']}] {message['content']}"
    calls = [f"[call] {call['name']} {json.dumps(call['arguments'])}" for call in message.get("tool_calls") or ()]
    text = [f"[{message['role']}] {message['content']}"] if message.get("content") else []
    return "\n".join(text + calls)


def calls_of(words, first):
    """Return the calls that NAME JSON NAME JSON ... means, numbered from `first` on."""
    if not words or len(words) % 2:
        sys.exit("dialogue: give a tool and its arguments as JSON, and so on for calls to be made at once.")
    pairs = list(zip(words[::2], words[1::2], strict=True))
    return [{"id": f"call_{first + n}", "name": name, "arguments": text} for n, (name, text) in enumerate(pairs)]


def main():
    """Read the command line, do what it says, and print what follows."""
    parser = argparse.ArgumentParser(prog="dialogue", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("show", help="print the rules and all messages so far")
    commands.add_parser("tools", help="print the tools with the schemas of their arguments")
    call = commands.add_parser("call", help="call tools: NAME JSON, more of both to call several at once")
    call.add_argument("words", nargs="+", metavar="NAME JSON")
    say = commands.add_parser("say", help="answer the user")
    say.add_argument("text")
    given = parser.parse_args()
    with Runtime(allow_commands=True, code=HERE / "code", contents=HERE / "contents") as runtime:
        if given.command == "tools":
            print(json.dumps([tool["function"] for tool in runtime.tasks[0]["tools"]], indent=1, ensure_ascii=False))
            return
        replies = recorded()
        messages, over = play(runtime, replies)
        if given.command == "show":
            print("\n".join([*map(shown, messages), *([OVER] if over else [])]))
            return
        if over:
            sys.exit(OVER)
        if given.command == "call":
            first = sum(len(reply["tool_calls"]) for reply in replies)
            reply = {"content": "", "tool_calls": calls_of(given.words, first)}
        else:
            reply = {"content": given.text, "tool_calls": []}
        before = len(messages)
        messages, over = play(runtime, [*replies, reply])
        record([*replies, reply])
        print("\n".join([*map(shown, messages[before + 1 :]), *([OVER] if over else [])]))


if __name__ == "__main__":
    try:
        main()
    except (Refused, Unmeasured) as error:
        sys.exit(f"dialogue: {error}")
