"""What only the shell draws and does around every page. What pages share is in _ui/; read frame.py first."""
