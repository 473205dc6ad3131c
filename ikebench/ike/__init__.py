"""IKE, the invertible kernel estimator (Chang, Chiu, Huang 2022, "Find the way back"), written from its paper."""
