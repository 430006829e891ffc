"""OpenEnv: the server of the package behind uvicorn, and its client."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

folder, cases = Path(sys.argv[1]).resolve(), json.loads(Path(sys.argv[2]).read_text())
(package,) = folder.iterdir()
sys.path.remove(str(Path(__file__).resolve().parent))  # this file has the name of the library
sys.path.insert(0, str(folder))
made = __import__(package.name)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(address):
    for _ in range(600):
        try:
            return urllib.request.urlopen(f"{address}/health", timeout=2)
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


port = free_port()
command = [sys.executable, "-m", "uvicorn", f"{package.name}.server.app:app", "--port", str(port)]
server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    wait_for(f"http://127.0.0.1:{port}")
    rewards = []
    with made.TurnwrightEnv(base_url=f"http://127.0.0.1:{port}").sync() as env:
        for case in cases:
            found = env.reset(task=case["task"])
            assert [message["role"] for message in found.observation.messages] == ["system", "user"]
            for reply in case["replies"]:
                action = made.TurnwrightAction(
                    content=reply["content"],
                    tool_calls=reply["tool_calls"],
                    reasoning=reply["reasoning"] or "",
                    finish=reply["finish"] or "",
                )
                found = env.step(action)
                if found.done:
                    break
            rewards.append(found.reward)
finally:
    server.terminate()
    server.wait()
print(json.dumps(rewards))
