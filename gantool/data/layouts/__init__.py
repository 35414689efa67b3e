"""How training pictures are arranged in folders and tables, one arrangement a file."""
