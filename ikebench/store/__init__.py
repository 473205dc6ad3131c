"""The workspace on disk: where everything lies, the rows of its tables, and what is known of its files."""
