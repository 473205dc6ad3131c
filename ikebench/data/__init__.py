"""Step 1, HR -> LR: where HR images come from, and the sets of LR images that are made of them."""
