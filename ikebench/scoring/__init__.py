"""Step 3, SR against HR: metrics, registration, kernels, and `scores.parquet`."""
