"""What only the HTML page has: pictures, a table of all runs, and its templates, styles and script."""
