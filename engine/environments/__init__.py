"""A domain's proven tasks as an environment that other programs run: a package of files for verifiers, Harbor, OpenEnv
or NeMo Gym.

Read episode.py first: an episode is a rollout (engine/rolling) whose assistant is whoever replies. A package holds the
product's own files for that, so its rewards are those of a batch. serve.py runs inside a package, in a process of its
own; contents.py is what a package holds. The rest runs here only: tasks.py proves, package.py writes, check.py runs
what was written before anyone may download it.
"""
