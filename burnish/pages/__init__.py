"""What all pages of Burnish share: how their templates are read, and how they look."""
