"""LR -> SR by published methods, in PyTorch, behind one contract."""
