#!/bin/bash
# Harbor copies this folder to /tests once the agent is done, and reads /logs/verifier/reward.json afterwards.
exec python3 /tests/score.py "${DIALOGUE_RECORD:-/var/lib/dialogue/replies.json}" /logs/verifier
