"""What the shell draws around every page, and patches of Streamlit. What pages share is in _ui/; read frame.py
first."""
