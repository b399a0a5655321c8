"""The console's routes, one module a group of screens. Each asks for a permission; pages are built by `views`."""
