"""The site: pages, tutorials, a gallery and a reference, built by ``python -m docs.site``."""
