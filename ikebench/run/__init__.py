"""Step 2, LR -> SR: planning jobs, running what is still to do, and what workers do."""
