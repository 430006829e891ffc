"""The product without a screen and without a database.

The modules here, with types/ and reading/, may be imported from everywhere: types, protocols, errors, settings,
plug-ins, prompts, the event loop, liveness. The other folders import only from those before them: domains, dialogue,
modes, planning, judging, rolling, reviewing, executors, running, importing, exporting, publishing, serving. Folders
named by plural nouns hold plug-ins, one file each. Read rolling/rollout.py first.
"""

VERSION = "0.1.0"
"""The version of Turnwright, as in pyproject.toml."""
