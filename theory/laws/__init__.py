"""The labelled equations, one file for each family, every one derived."""
