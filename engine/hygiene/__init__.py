"""What a model's text must not hold before it becomes a turn: leaked thoughts, special tokens, the other side's lines,
invented results, a cut end, leftovers of JSON and fences, a refusal, another language. All of it is pure: a text and
what is known of the talk come in, a cleaned text or findings come out.

Read thoughts.py first (what can be cut out, and kept as reasoning), then check.py (what remains wrong), then
user_guard.py (what a simulated person may say in its task). Each other file holds one kind. Not here: who asks a model
once more because of a finding (engine/rolling), calls that stand in a text (engine/llms), and whether what an answer
claims is true (engine/judges).
"""
