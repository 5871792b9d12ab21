"""Learning coefficients by sampling: of toy energies, and of any torch module and loss."""
