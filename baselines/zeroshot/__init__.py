"""What zero-shot methods share: crops, the patch discriminator, deep-linear composition, the training loop."""
