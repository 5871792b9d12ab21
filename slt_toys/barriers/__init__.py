"""Many barriers: smooth declines, their spectra, and separate transitions."""
