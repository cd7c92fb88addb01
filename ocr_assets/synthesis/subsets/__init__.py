"""The subsets of synthetic questions, as data: a TOML file each, and in ``definition.py`` what may stand in one."""
