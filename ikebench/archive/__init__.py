"""Results that are to last: whether they are as they were written, and a bundle of them to hand on."""
