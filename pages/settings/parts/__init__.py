"""What only the settings page draws."""
