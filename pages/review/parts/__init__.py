"""What the screens of the job *review* draw: the turn viewer, verdicts, corrections, and where two tabs differ."""
