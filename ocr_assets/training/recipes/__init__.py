"""How models are trained, as data: a TOML file a recipe, and in ``definition.py`` what may stand in one."""
