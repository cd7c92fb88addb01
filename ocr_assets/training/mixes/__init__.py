"""Training mixes as data: a TOML file each, the papers' experiments among them. ``definition.py``: what may stand in one."""
