"""What human reviews mean: verdicts, corrected turns, and the replay of a corrected turn in a sandbox.

Read verdicts.py first. Reviews are stored by storage/reviewing/reviews.py and applied to exports by
engine/exporting/reviewed.py.
"""
