"""Documentation; ``docs.site`` builds the site from it."""
