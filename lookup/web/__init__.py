"""The screens, one blueprint a file."""
