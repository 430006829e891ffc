"""What the screens of the job *generate* draw: the launch form, the plan, budgets, recovery, import reports."""
