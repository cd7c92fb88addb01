"""What leaves the lake: release files and their dataset card. ``sft.py`` builds the SFT release."""
