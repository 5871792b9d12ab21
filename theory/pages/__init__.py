"""The theory pages: what renders them, and the rendered pages."""
