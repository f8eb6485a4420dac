"""The commands: one file per noun, an error edge around them, and nothing that a screen could not do as well."""
