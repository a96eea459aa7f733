"""Installation on this computer: installed and missing parts, and how to install them."""
