"""What each command answers to `--json`, as types; the JSON Schemas of the reference are made from them.

`workbench.cli.shapes` builds most of these, and the type checker holds it to them. In the tests every answer of a
command is held to its schema. Add keys freely; never rename or remove one.
"""
