"""What a human changes: what verdicts mean, corrected turns, and playing a corrected call in a sandbox.

Read verdicts.py first. Not here: reviews in the database (storage/reviewing/reviews.py), and what leaves of a reviewed
trajectory (engine/exporting/reviewed.py).
"""
