"""How a comparison is made, kept and opened; the public names are in embedlab.compare."""
