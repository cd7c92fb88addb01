"""Thin faces over what is made: a page on which people read rows (``viewer``). They write nothing into the lake."""
